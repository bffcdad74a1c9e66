//! What is sent after a 401.

use http::request::Parts;
use http::{Extensions, HeaderMap, Method, Request, Uri, Version};

/// Of most requests' headers.
pub(crate) type ShortCopy = simacan_auth::ShortCopy<256>;

/// All of a request but its body.
pub(crate) struct Again<'a> {
    method: Method,
    uri: Uri,
    version: Version,
    extensions: Extensions,
    headers: Headers<'a>,
}

enum Headers<'a> {
    Short(&'a ShortCopy),
    Long(HeaderMap),
}

impl<'a> Again<'a> {
    pub(crate) fn of(parts: &Parts, copy: &'a mut ShortCopy) -> Self {
        let headers = match copy.keep("", &parts.headers, &[]) {
            Some(()) => Headers::Short(copy),
            None => Headers::Long(parts.headers.clone()),
        };
        Self {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            version: parts.version,
            extensions: parts.extensions.clone(),
            headers,
        }
    }

    pub(crate) fn into_parts(self) -> Parts {
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.method = self.method;
        parts.uri = self.uri;
        parts.version = self.version;
        parts.extensions = self.extensions;
        parts.headers = match self.headers {
            Headers::Short(copy) => copy.headers(),
            Headers::Long(headers) => headers,
        };
        parts
    }
}
