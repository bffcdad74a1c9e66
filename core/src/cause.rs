//! What somebody else's error says, kept for everyone who waits.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// The error of other code, such as an HTTP client or a database, with the texts of all its sources.
///
/// Each text is in it once, so its own [`source`](Error::source) is empty. [`get_ref`](Self::get_ref) returns the
/// error itself. Two with the same text are equal.
#[derive(Clone, Debug)]
pub struct ErrorCause {
    text: Arc<str>,
    error: Option<Arc<dyn Error + Send + Sync>>,
}

impl ErrorCause {
    /// Wraps an error. Its text, with those of all its sources, ends up in errors and logs, so it must hold no secret.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error: Arc<dyn Error + Send + Sync> = Arc::from(error.into());
        Self {
            text: Self::text_of(&*error).into(),
            error: Some(error),
        }
    }

    /// Returns the error itself, to look at what it is; `None` if there is only a text.
    pub fn get_ref(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.error.as_deref()
    }

    /// What an error prints, with all its sources.
    #[doc(hidden)]
    pub fn text_of(error: &dyn Error) -> String {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            // Many errors print their source themselves.
            if !text.contains(&cause_text) {
                text = format!("{text}: {cause_text}");
            }
            source = cause.source();
        }
        text
    }

    pub(crate) fn of_text(text: &str) -> Self {
        Self {
            text: text.into(),
            error: None,
        }
    }
}

impl fmt::Display for ErrorCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for ErrorCause {}

impl PartialEq for ErrorCause {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for ErrorCause {}
