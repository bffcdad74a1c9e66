//! Whose answers the machine hears of.

use crate::Timestamp;
use crate::origin::OriginId;

/// Origins whose answers the machine has to hear of, as far as is known.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Watched {
    /// And whether it is to know what they are to.
    pub(super) origins: Box<[(OriginId, bool)]>,
    /// When it need not know of one of them any more.
    pub(crate) until: Option<Timestamp>,
}

impl Watched {
    #[inline]
    pub(crate) fn has(&self, origin: OriginId) -> bool {
        self.find(origin).is_some()
    }

    #[inline]
    pub(crate) fn gathers(&self, origin: OriginId) -> bool {
        self.find(origin) == Some(true)
    }

    #[inline]
    fn find(&self, origin: OriginId) -> Option<bool> {
        let find = |origin| self.origins.iter().find(|(known, _)| *known == origin);
        let found = find(origin).or_else(|| find(OriginId::OTHERS));
        found.map(|(_, gathers)| *gathers)
    }
}
