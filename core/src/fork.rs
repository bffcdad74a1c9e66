//! Copies for a model checker, and numbers that tell states apart.
//!
//! Hidden, and no `Clone`: a session that could be copied could send its refresh token twice, and a
//! feature for it would be unified over a workspace and turn the compile-fail tests false.

use std::hash::Hasher;

use crate::{Machine, Pending, Sent};

pub(crate) trait Fork {
    fn fork(&self) -> Self;

    /// Feeds all that decides what happens next.
    fn fingerprint(&self, hasher: &mut dyn Hasher);
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
