//! The two sides of an exchange: requests built, answers read and classified as `manual::rules` says.

mod request;
mod response;
mod response_body;
mod retry_after;
mod text;

pub(crate) use request::{Grant, request};
pub(crate) use response::{Answer, GrantType, TokenResponse, read};
pub(crate) use retry_after::MAX_RETRY_AFTER;

pub use request::RequestBody;
pub use response_body::ResponseBody;
