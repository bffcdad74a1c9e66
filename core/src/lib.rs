//! Under construction.

mod config;
mod credentials;
mod error;
mod event;
mod machine;
mod origin;
mod pacing;
mod provider;
mod session;
mod time;
mod token;
mod wire;

pub use config::{Config, Doubling};
pub use credentials::Credentials;
pub use error::{AuthorizeError, BodyDefect, Denied, Failure, OAuthError, TransportFailure};
pub use event::{Event, Purpose};
pub use machine::{
    Clearance, ExchangeId, Machine, Output, Permit, Status, Ticket, Transmit, Verdict,
};
pub use origin::{ForeignOrigin, Origin};
pub use provider::{ClientAuth, InvalidProvider, Provider, ProviderBuilder};
pub use session::{
    Authenticated, Cause, Exchange, LoginOutcome, ReLogin, Refresh, RefreshOutcome, Refreshing,
    Rejected, Session, State, Unauthenticated,
};
pub use time::Timestamp;
pub use token::Generation;
pub use wire::{RequestBody, ResponseBody};

/// Stands in place of a secret in every `Debug`.
struct Redacted;

impl std::fmt::Debug for Redacted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}
