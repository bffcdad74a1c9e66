//! The origins that are known to be allowed, so that a URL need not be taken apart.

use std::sync::Arc;

use http::Uri;
use http::uri::Scheme;

use crate::Origin;
use crate::origin::OriginId;

/// Origins that the provider has been found to allow (I8), as most URLs spell them: a request to one of them
/// costs a comparison of texts. Of no consequence otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowedOrigins(Arc<[Allowed]>);

#[derive(Clone, Debug)]
struct Allowed {
    id: OriginId,
    scheme: Scheme,
    authority: Box<str>,
    /// As an [`Origin`] prints: `https://host`, with the port if it is not the scheme's own.
    text: Box<str>,
}

impl AllowedOrigins {
    /// More than most programs have; requests to others are looked into each time.
    const MOST: usize = 8;

    /// Whether nothing was added to one that is not in the other.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    #[inline]
    pub(crate) fn of_uri(&self, uri: &Uri) -> Option<OriginId> {
        let (scheme, authority) = (uri.scheme()?, uri.authority()?.as_str());
        self.find(|known| *known.authority == *authority && known.scheme == *scheme)
    }

    /// Whoever reads a URL, its authority ends at the first `/`.
    #[inline]
    pub(crate) fn of_url(&self, url: &str) -> Option<OriginId> {
        self.find(|known| {
            let rest = url.strip_prefix(&*known.text);
            rest.is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// Takes the provider's word for it.
    pub(crate) fn add(&mut self, origin: &Origin<'_>) -> OriginId {
        let id = origin.id();
        if self.0.len() < Self::MOST && self.0.iter().all(|known| known.id != id) {
            let text = origin.to_string().into_boxed_str();
            let scheme = if origin.is_https() {
                Scheme::HTTPS
            } else {
                Scheme::HTTP
            };
            let authority = text[scheme.as_str().len() + "://".len()..].into();
            let added = Allowed {
                id,
                scheme,
                authority,
                text,
            };
            self.0 = self.0.iter().cloned().chain([added]).collect();
        }
        id
    }

    fn find(&self, is_it: impl Fn(&Allowed) -> bool) -> Option<OriginId> {
        let found = self.0.iter().find(|known| is_it(known));
        found.map(|known| known.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_eight_are_known_each_once_and_no_more_are_kept() {
        let mut allowed = AllowedOrigins::default();
        for n in [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 3] {
            let host = format!("host-{n}");
            let origin = Origin::new("https", &host, None).unwrap();
            let id = allowed.add(&origin);
            assert_eq!(id, origin.id());
        }
        assert_eq!(allowed.0.len(), AllowedOrigins::MOST);
        let known = |n: u32| allowed.of_url(&format!("https://host-{n}/x")).is_some();
        assert!((0..8).all(known) && !known(8) && !known(9));
    }
}
