//! Where the password is kept.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::{env, fs, io};

use simacan_auth::{Credentials, Zeroizing};

/// A username, and where the password comes from: the program itself, a file, a variable or a closure.
///
/// [`Credentials`] are a source whose password stays the same. The others are asked each time that a password is
/// needed, and again after a refusal, so a new password needs no restart. If it is still the one that was refused, it
/// is not sent again.
///
/// ```
/// use simacan_auth_driver::CredentialsSource;
///
/// // A secret of the orchestrator, mounted as a file.
/// let file = CredentialsSource::file("fleet", "/run/secrets/simacan-password");
/// let variable = CredentialsSource::variable("fleet", "SIMACAN_PASSWORD");
/// let vault = CredentialsSource::new("fleet", || read_from_vault("kv/simacan"));
/// # fn read_from_vault(path: &str) -> Result<String, std::io::Error> { Ok(path.to_owned()) }
/// # drop((file, variable, vault));
/// ```
pub struct CredentialsSource {
    username: String,
    kind: Kind,
}

type Cause = Box<dyn Error + Send + Sync>;
type Ask = dyn Fn() -> Result<String, Cause> + Send + Sync;

enum Kind {
    Fixed(Credentials),
    Asked(Box<Ask>),
}

impl CredentialsSource {
    /// Asks this closure for the password. It may block: a thread of the driver calls it, without the store's lock. A
    /// failure is retried like one of the auth endpoint. Its error is logged, so it must hold no secret.
    pub fn new<P, E>(
        username: impl Into<String>,
        ask: impl Fn() -> Result<P, E> + Send + Sync + 'static,
    ) -> Self
    where
        P: Into<String>,
        E: Into<Cause>,
    {
        Self::asked(username, move || {
            let password = ask().map_err(Into::into)?;
            not_empty("the password", password.into())
        })
    }

    fn asked(
        username: impl Into<String>,
        ask: impl Fn() -> Result<String, Cause> + Send + Sync + 'static,
    ) -> Self {
        Self {
            username: username.into(),
            kind: Kind::Asked(Box::new(ask)),
        }
    }

    /// Reads the password from a file, without the line end at its end.
    pub fn file(username: impl Into<String>, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_owned();
        Self::asked(username, move || read(&path))
    }

    /// Reads the password from a variable of the environment, as it is. (A variable changes only if the program
    /// changes it.)
    pub fn variable(username: impl Into<String>, name: impl Into<String>) -> Self {
        let name = name.into();
        Self::asked(username, move || of_variable(&name, env::var_os(&name)))
    }

    pub(crate) fn is_asked(&self) -> bool {
        matches!(self.kind, Kind::Asked(_))
    }

    /// Those to begin with: their password is not sent if there is another place for it.
    pub(crate) fn first(&mut self) -> Credentials {
        let placeholder = Credentials::new(self.username.as_str(), "");
        match &mut self.kind {
            Kind::Fixed(credentials) => std::mem::replace(credentials, placeholder),
            Kind::Asked(_) => placeholder,
        }
    }

    pub(crate) fn ask(&self) -> Result<Credentials, Cause> {
        let Kind::Asked(ask) = &self.kind else {
            return Err("there is no source".into());
        };
        Ok(Credentials::new(self.username.as_str(), ask()?))
    }
}

impl From<Credentials> for CredentialsSource {
    fn from(credentials: Credentials) -> Self {
        Self {
            username: credentials.username().to_owned(),
            kind: Kind::Fixed(credentials),
        }
    }
}

impl fmt::Debug for CredentialsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialsSource")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// `env::var` would print a password that is not UTF-8.
fn of_variable(name: &str, value: Option<OsString>) -> Result<String, Cause> {
    let value = value.ok_or_else(|| format!("the variable {name} is not set"))?;
    let password =
        (value.into_string()).map_err(|_| format!("the variable {name} is not UTF-8"))?;
    not_empty(format!("the variable {name}"), password)
}

fn read(path: &Path) -> Result<String, Cause> {
    let place = path.display();
    let name = |error: io::Error| format!("can't read {place}: {error}");
    let text = Zeroizing::new(fs::read(path).map_err(name)?);
    let text = std::str::from_utf8(&text).map_err(|_| format!("{place} is not UTF-8"))?;
    let password = text.strip_suffix('\n').unwrap_or(text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    not_empty(place, password.to_owned())
}

/// A password is empty while it is being replaced. As an empty one it would count, and be refused.
fn not_empty(place: impl fmt::Display, password: String) -> Result<String, Cause> {
    if password.is_empty() {
        return Err(format!("{place} is empty").into());
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::of_variable;

    #[cfg(unix)]
    #[test]
    fn i9_a_password_that_is_not_utf_8_is_not_printed() {
        use std::os::unix::ffi::OsStringExt;

        let value = OsString::from_vec(b"s3same \xff".to_vec());
        let error = of_variable("FLEET", Some(value)).expect_err("it is not UTF-8");
        assert_eq!(error.to_string(), "the variable FLEET is not UTF-8");
    }

    #[test]
    fn a_variable_without_a_password_is_named() {
        let text = |value: Option<&str>| {
            of_variable("FLEET", value.map(OsString::from)).map_err(|error| error.to_string())
        };
        assert_eq!(text(None), Err("the variable FLEET is not set".to_owned()));
        assert_eq!(
            text(Some("")),
            Err("the variable FLEET is empty".to_owned())
        );
        assert_eq!(text(Some("p\n")), Ok("p\n".to_owned()));
    }
}
