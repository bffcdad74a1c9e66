//! What somebody else's error says, kept for everyone who waits.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// An error of somebody else's code. It prints with all its sources, since a failure is often
/// printed alone, and is equal to another with the same text.
#[derive(Clone, Debug)]
pub struct ErrorCause {
    text: Arc<str>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl ErrorCause {
    /// What it prints, with all its sources, becomes the text, which ends up in errors and logs.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error: Arc<dyn Error + Send + Sync> = Arc::from(error.into());
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
        Self {
            text: text.into(),
            source: Some(error),
        }
    }

    pub(crate) fn of_text(text: &str) -> Self {
        Self {
            text: text.into(),
            source: None,
        }
    }
}

impl fmt::Display for ErrorCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for ErrorCause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.source.as_deref()?;
        Some(source)
    }
}

impl PartialEq for ErrorCause {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for ErrorCause {}
