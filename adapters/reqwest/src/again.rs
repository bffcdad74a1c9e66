//! What is sent after a 401.

use std::time::Duration;

use http::{Method, Version};
use reqwest::{Body, Request, Url};

/// Of most requests' URL, headers and body.
pub(crate) type ShortCopy = simacan_auth::ShortCopy<512>;

pub(crate) enum Again<'a> {
    Short {
        method: Method,
        version: Version,
        timeout: Option<Duration>,
        has_body: bool,
        rest: &'a ShortCopy,
    },
    Whole(Request),
    /// Its body can't be sent twice. Where it went.
    Never(Url),
}

impl<'a> Again<'a> {
    /// Of a request that a `RequestBuilder` has built. One that has been made of an `http::Request` may have
    /// extensions, which only [`of`](Self::of) keeps: they are not to be seen from here.
    pub(crate) fn of_built(request: &Request, rest: &'a mut ShortCopy) -> Self {
        let body = match request.body() {
            Some(body) => body.as_bytes(),
            None => Some(&[][..]),
        };
        let url = request.url().as_str();
        match body.and_then(|body| rest.keep(url, request.headers(), body)) {
            Some(()) => Self::Short {
                method: request.method().clone(),
                version: request.version(),
                timeout: request.timeout().copied(),
                has_body: request.body().is_some(),
                rest,
            },
            None => Self::of(request),
        }
    }

    pub(crate) fn of(request: &Request) -> Self {
        let again = request.try_clone();
        again.map_or_else(|| Self::Never(request.url().clone()), Self::Whole)
    }

    /// Where the request went.
    pub(crate) fn url(&self) -> Option<Url> {
        match self {
            Self::Short { rest, .. } => Url::parse(rest.target()).ok(),
            Self::Whole(request) => Some(request.url().clone()),
            Self::Never(url) => Some(url.clone()),
        }
    }

    pub(crate) fn into_request(self) -> Option<Request> {
        match self {
            Self::Never(_) => None,
            Self::Whole(request) => Some(request),
            Self::Short {
                method,
                version,
                timeout,
                has_body,
                rest,
            } => {
                let mut request = Request::new(method, Url::parse(rest.target()).ok()?);
                *request.version_mut() = version;
                *request.timeout_mut() = timeout;
                *request.headers_mut() = rest.headers();
                *request.body_mut() = has_body.then(|| Body::from(rest.body().to_vec()));
                Some(request)
            }
        }
    }
}
