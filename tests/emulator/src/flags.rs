//! What is set by its name: on the command line before the start, and by request after it.

use std::fmt::{self, Display};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::fault::{Endpoint, Fault};
use crate::model::Emulator;
use crate::profile::Profile;
use crate::settings::{Reuse, Rotation, Secret};

impl Emulator {
    /// Sets what a flag of the command line sets; its name is without the dashes. What is set holds from the
    /// next request on, and tokens that have been handed out keep their lives.
    ///
    /// ```
    /// use simacan_auth_emulator::{Emulator, Settings};
    ///
    /// let mut emulator = Emulator::new(Settings::new());
    /// emulator.set("user", "foo@bar.com:open sesame")?; // or another password, if there is one
    /// emulator.set("access-token-life", "15m")?;
    /// emulator.set("server-error", "100")?; // of 1000
    /// emulator.set("next", "refresh:answer-lost")?;
    /// let error = emulator.set("grace", "soon").unwrap_err();
    /// assert_eq!(error.to_string(), "'soon' is not a time like 90, 90s, 15m or 24h");
    /// # Ok::<(), simacan_auth_emulator::BadFlag>(())
    /// ```
    ///
    /// # Errors
    ///
    /// There is no such flag, or it can't have this value. Then nothing has changed.
    pub fn set(&mut self, flag: &str, value: &str) -> Result<(), BadFlag> {
        let settings = Arc::make_mut(&mut self.settings);
        match flag {
            "user" => {
                let user = value.split_once(':').filter(|(name, _)| !name.is_empty());
                let (name, password) = user.ok_or("it is not NAME:PASSWORD")?;
                self.accounts.put(name, password);
            }
            "seed" => settings.seed = number(value, u64::MAX)?,
            "profile" => {
                let profiles = Profile::ALL.map(|profile| (profile.name(), profile));
                *settings = settings.clone().with_profile(one_of(value, &profiles)?);
            }
            "access-token-life" => settings.access_token_life = time(value)?,
            "refresh-token-life" => settings.refresh_token_life = time(value)?,
            "grace" => settings.grace = time(value)?,
            "rotation" => {
                let modes = [
                    ("rotate", Rotation::Rotate),
                    ("keep-old", Rotation::KeepOld),
                    ("none", Rotation::NoRefreshTokens),
                ];
                settings.rotation = one_of(value, &modes)?;
            }
            "reuse" => {
                let (refuse, revoke) = (Reuse::Refuse, Reuse::RevokeFamily);
                settings.reuse = one_of(value, &[("refuse", refuse), ("revoke-family", revoke)])?;
            }
            "lock-out-after" => {
                let limit = number(value, u32::MAX)?;
                settings.lock_out_after = Some(limit).filter(|n| *n > 0);
            }
            "client-id" => value.clone_into(&mut settings.client_id),
            "client-secret" => settings.client_secret = Some(Secret::new(value)),
            "next" => {
                let (endpoint, fault) = value.split_once(':').ok_or("it is not ENDPOINT:FAULT")?;
                let (endpoint, fault) = (endpoint.parse()?, fault.parse()?);
                self.script(endpoint, fault);
            }
            "delay" => {
                let delay = time(value)?;
                (settings.fault_rates.iter_mut()).for_each(|rates| rates.delay = delay);
            }
            kind => {
                let rate = number(value, 1000).and_then(|rate: u16| match rate {
                    0..=1000 => Ok(rate),
                    _ => Err(no_number(value, 1000)),
                });
                for rates in &mut settings.fault_rates {
                    *match kind {
                        "request-lost" => &mut rates.request_lost,
                        "answer-lost" => &mut rates.answer_lost,
                        "server-error" => &mut rates.server_error,
                        "too-many-requests" => &mut rates.too_many_requests,
                        "garbage" => &mut rates.garbage,
                        "truncated" => &mut rates.truncated,
                        "delayed" => &mut rates.delayed,
                        _ => return Err("no such flag; --help lists them".into()),
                    } = rate.clone()?;
                }
            }
        }
        Ok(())
    }
}

/// The error of a flag that does not exist, or can't have this value. Its text does not name the flag; put that
/// before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFlag(String);

impl Display for BadFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadFlag {}

impl<S: Into<String>> From<S> for BadFlag {
    fn from(text: S) -> Self {
        Self(text.into())
    }
}

/// As it prints.
impl FromStr for Endpoint {
    type Err = BadFlag;

    fn from_str(text: &str) -> Result<Self, BadFlag> {
        let endpoints = [Self::Password, Self::Refresh, Self::Target, Self::Other];
        let names = endpoints.map(|endpoint| (endpoint.to_string(), endpoint));
        one_of(text, &names.each_ref().map(|(name, it)| (&**name, *it)))
    }
}

/// A word, a status, or a time that the answer takes.
impl FromStr for Fault {
    type Err = BadFlag;

    fn from_str(text: &str) -> Result<Self, BadFlag> {
        Ok(match text {
            "request-lost" => Self::RequestLost,
            "answer-lost" => Self::AnswerLost,
            "truncated" => Self::Truncated,
            "cut-short" => Self::CutShort,
            "cut-at-end" => Self::CutAtEnd,
            _ => match (text.parse().map(StatusCode::from_u16), time(text)) {
                (Ok(Ok(status)), _) => Self::Status(status),
                (Err(_), Ok(delay)) => Self::Delay(delay),
                _ => {
                    let words = "request-lost, answer-lost, truncated, cut-short, cut-at-end";
                    let error =
                        format!("'{text}' is no status, no time like 5s, and none of {words}");
                    return Err(error.into());
                }
            },
        })
    }
}

fn number<N: FromStr + Display>(text: &str, max: N) -> Result<N, BadFlag> {
    text.parse().map_err(|_| no_number(text, max))
}

fn no_number(text: &str, max: impl Display) -> BadFlag {
    format!("'{text}' is not a number from 0 to {max}").into()
}

fn time(text: &str) -> Result<Duration, BadFlag> {
    let (digits, seconds) = match text.as_bytes().last() {
        Some(b's') => (&text[..text.len() - 1], 1),
        Some(b'm') => (&text[..text.len() - 1], 60),
        Some(b'h') => (&text[..text.len() - 1], 3600),
        _ => (text, 1),
    };
    let count: Option<u64> = digits.parse().ok();
    match count.and_then(|count| count.checked_mul(seconds)) {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => Err(format!("'{text}' is not a time like 90, 90s, 15m or 24h").into()),
    }
}

fn one_of<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, BadFlag> {
    if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == text) {
        return Ok(*choice);
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    Err(format!("'{text}' is none of {}", names.join(", ")).into())
}
