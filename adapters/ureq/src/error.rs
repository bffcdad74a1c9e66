use simacan_auth::{Denied, ForeignOrigin};

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no token for it: the password was refused, or the auth endpoint can't be reached.
    /// After a 401 this comes in its place, since it says more.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The token may not go there. Nothing was sent.
    #[error(transparent)]
    ForeignOrigin(#[from] ForeignOrigin),
    /// The request to the target API failed. The source says why.
    #[error("the request to the target API failed")]
    Request(#[from] ureq::Error),
}
