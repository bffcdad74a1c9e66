//! Bodies that can be sent twice.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Seek};
use std::sync::Arc;

use ureq::AsSendBody;

/// A request body that can be sent again after a 401: anything that stays in memory, and files.
///
/// `()` is no body at all. For what can be read once only, there is
/// [`Client::send_once`](crate::Client::send_once).
///
/// To send something else, give the bytes:
///
/// ```
/// use simacan_auth_ureq::Body;
/// use ureq::AsSendBody;
///
/// struct Position { x: f64, y: f64 }
///
/// impl Body for Position {
///     type Send<'a> = String;
///
///     fn to_send(&mut self) -> std::io::Result<String> {
///         Ok(format!(r#"{{"x":{},"y":{}}}"#, self.x, self.y))
///     }
/// }
/// ```
pub trait Body {
    /// The body as ureq sends it.
    type Send<'a>: AsSendBody
    where
        Self: 'a;

    /// Returns the body from its beginning; called once for each time that it is sent.
    fn to_send(&mut self) -> io::Result<Self::Send<'_>>;
}

impl Body for () {
    type Send<'a> = ();

    fn to_send(&mut self) -> io::Result<()> {
        Ok(())
    }
}

macro_rules! bytes {
    ($([$($generic:tt)*] $body:ty),* $(,)?) => {$(
        impl<$($generic)*> Body for $body {
            type Send<'a> = &'a [u8] where Self: 'a;

            fn to_send(&mut self) -> io::Result<&[u8]> {
                Ok(self[..].as_ref())
            }
        }
    )*};
}

bytes!(
    [] &[u8],
    [] &str,
    [] Vec<u8>,
    [] String,
    [] &Vec<u8>,
    [] &String,
    [] Box<[u8]>,
    [] Box<str>,
    [] Arc<[u8]>,
    [] Arc<str>,
    [] Cow<'_, [u8]>,
    [] Cow<'_, str>,
    [const N: usize] [u8; N],
    [const N: usize] &[u8; N],
);

/// From the beginning of the file, each time.
impl Body for File {
    type Send<'a> = &'a File;

    fn to_send(&mut self) -> io::Result<&File> {
        self.rewind()?;
        Ok(self)
    }
}
