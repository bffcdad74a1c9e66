//! The origins that are known to be allowed, so that a request's need not be looked into.

use std::sync::Arc;

use crate::Origin;
use crate::origin::OriginId;

/// Origins that the provider has been found to allow (I8), as most URIs spell them: a request to one of them
/// costs a comparison of texts. Of no consequence otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowedOrigins(Arc<[Allowed]>);

#[derive(Clone, Debug)]
struct Allowed {
    id: OriginId,
    is_https: bool,
    /// The host, with the port if it is not the scheme's own.
    authority: Box<str>,
}

impl AllowedOrigins {
    /// More than most programs have; requests to others are looked into each time.
    const MOST: usize = 8;

    /// Whether nothing was added to one that is not in the other.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    #[inline]
    pub(crate) fn find(&self, scheme: &str, authority: &str) -> Option<OriginId> {
        let is_https = Origin::is_secure(scheme)?;
        let is_it = |it: &&Allowed| *it.authority == *authority && it.is_https == is_https;
        self.0.iter().find(is_it).map(|known| known.id)
    }

    /// Takes the provider's word for it.
    pub(crate) fn add(&mut self, origin: &Origin<'_>) -> OriginId {
        let id = origin.id();
        if self.0.len() < Self::MOST && self.0.iter().all(|known| known.id != id) {
            let text = origin.to_string();
            let added = Allowed {
                id,
                is_https: origin.is_https(),
                authority: text[text.find("//").map_or(0, |at| at + 2)..].into(),
            };
            self.0 = self.0.iter().cloned().chain([added]).collect();
        }
        id
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
        let known = |n: u32| allowed.find("https", &format!("host-{n}")).is_some();
        assert!((0..8).all(known) && !known(8) && !known(9));
    }
}
