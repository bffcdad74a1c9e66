//! Copies for a model checker, and numbers that tell states apart.
//!
//! No `Clone`: a session that could be copied could send its refresh token twice. And behind a `cfg`: a
//! feature would be unified over a workspace.

pub(crate) use std::hash::{Hash, Hasher};

use crate::{Machine, Pending, Sent};

pub(crate) trait Fork {
    fn fork(&self) -> Self;

    /// Feeds all that decides what happens next.
    fn fingerprint(&self, hasher: &mut dyn Hasher);
}

impl<T: Fork> Fork for Option<T> {
    fn fork(&self) -> Self {
        self.as_ref().map(Fork::fork)
    }

    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        self.is_some().hash(&mut hasher);
        if let Some(inner) = self {
            inner.fingerprint(hasher);
        }
    }
}

macro_rules! forwarded {
    ($($handle:ty),*) => {$(
        #[doc(hidden)]
        impl $handle {
            pub fn fork(&self) -> Self {
                Fork::fork(self)
            }

            pub fn fingerprint(&self, hasher: &mut dyn Hasher) {
                Fork::fingerprint(self, hasher);
            }
        }
    )*};
}

forwarded!(Machine, Pending, Sent);
