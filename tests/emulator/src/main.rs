//! Starts the emulator on the loopback interface, for clients and for `curl`.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;
use std::str::FromStr;
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use simacan_auth_emulator::{
    Detail, Emulator, Entry, FaultRates, Profile, Reuse, Rotation, Server, Settings,
};

const HELP: &str = "\
Emulates the Simacan Auth API, an RFC 6749 token endpoint and target APIs on 127.0.0.1.

USAGE: simacan-auth-emulator [FLAG VALUE]...

  --port PORT                 listen here; 0 is any free port     [4780]
  --username NAME             the user                            [foo@bar.com]
  --password TEXT             the user's password                 [open sesame]
  --seed NUMBER               what tokens and faults follow from  [0]

  --profile NAME              answer like one of the servers below  [documented]
  --access-token-life TIME                                        [1h]
  --refresh-token-life TIME                                       [24h]
  --grace TIME                answer a spent refresh token so long  [0s]
  --rotation MODE             rotate, keep-old or none (no refresh tokens)  [rotate]
  --reuse POLICY              refuse or revoke-family             [refuse]
  --lock-out-after COUNT      wrong passwords in a row; 0 is never  [5]
  --client-id TEXT            the client of /oauth2/token         [emulator]
  --client-secret TEXT        its secret                          [none]

Faults, each in so many of 1000 requests:
  --request-lost RATE         dropped before it is handled
  --answer-lost RATE          handled, then dropped
  --server-error RATE         500, 502, 503 or 504
  --too-many-requests RATE    429 with Retry-After
  --garbage RATE              handled, then 200 with HTML
  --truncated RATE            handled, then half the body
  --delayed RATE              handled, then answered after --delay
  --delay TIME                                                    [1s]

Profiles. Each sets grace, rotation and reuse as well; put it before them to set those otherwise:
  documented                  the documented API; RFC 6749 at /oauth2/token
  keycloak-old                a wrong password: 401 invalid_grant
  keycloak                    since 26.6
  auth0                       a refusal: 403
  league                      a dead refresh token: 401 invalid_request
  authlib                     a wrong password: 400 invalid_request
  django                      reuse protection, grace, a rotation ends the access token
  glewlwyd                    refusals without a body
  node-oauth2-server          takes HTTP Basic as it comes
  always-ok                   errors with 200
  patchwork                   tokens with 201; odd types, lifetimes and refresh tokens
  gateway                     refusals in HTML, with a challenge for Basic

  --help                      show this

TIME is in seconds unless it ends in s, m or h.";

fn main() -> ExitCode {
    let flags = match Flags::parse(std::env::args().skip(1)) {
        Ok(Some(flags)) => flags,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("simacan-auth-emulator: {error}");
            return ExitCode::from(2);
        }
    };
    let emulator = Emulator::new(flags.settings());
    let server = match Server::options().port(flags.port).log(log).start(emulator) {
        Ok(server) => server,
        Err(error) => {
            eprintln!("simacan-auth-emulator: --port {}: {error}", flags.port);
            return ExitCode::FAILURE;
        }
    };
    println!("{}", welcome(&server, &flags));
    loop {
        thread::park();
    }
}

/// What the command line says.
struct Flags {
    port: u16,
    username: String,
    password: String,
    client_id: String,
    client_secret: Option<String>,
    settings: Settings,
    rates: FaultRates,
}

impl Flags {
    /// `None`: help is asked for.
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut flags = Self {
            port: 4780,
            username: "foo@bar.com".into(),
            password: "open sesame".into(),
            client_id: "emulator".into(),
            client_secret: None,
            // A server that runs for days is not to remember each request.
            settings: Settings::new().with_ledger(Detail::Counters),
            rates: FaultRates {
                delay: Duration::from_secs(1),
                ..FaultRates::default()
            },
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            if argument == "--help" || argument == "-h" {
                return Ok(None);
            }
            let (flag, value) = match argument.split_once('=') {
                Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
                None => (argument, None),
            };
            let value = || value.or_else(|| arguments.next());
            flags
                .set(&flag, value)
                .map_err(|error| format!("{flag}: {error}"))?;
        }
        Ok(Some(flags))
    }

    fn set(&mut self, flag: &str, value: impl FnOnce() -> Option<String>) -> Result<(), String> {
        let value = || value().ok_or("a value is missing");
        let settings = self.settings.clone();
        match flag {
            "--port" => self.port = number(&value()?, u16::MAX)?,
            "--username" => self.username = value()?,
            "--password" => self.password = value()?,
            "--client-id" => self.client_id = value()?,
            "--client-secret" => self.client_secret = Some(value()?),
            "--seed" => self.settings = settings.with_seed(number(&value()?, u64::MAX)?),
            "--profile" => {
                let profiles = Profile::ALL.map(|profile| (profile.name(), profile));
                self.settings = settings.with_profile(one_of(&value()?, &profiles)?);
            }
            "--access-token-life" => {
                self.settings = settings.with_access_token_life(time(&value()?)?);
            }
            "--refresh-token-life" => {
                self.settings = settings.with_refresh_token_life(time(&value()?)?);
            }
            "--grace" => self.settings = settings.with_grace(time(&value()?)?),
            "--rotation" => {
                self.settings = settings.with_rotation(one_of(
                    &value()?,
                    &[
                        ("rotate", Rotation::Rotate),
                        ("keep-old", Rotation::KeepOld),
                        ("none", Rotation::NoRefreshTokens),
                    ],
                )?);
            }
            "--reuse" => {
                self.settings = settings.with_reuse(one_of(
                    &value()?,
                    &[
                        ("refuse", Reuse::Refuse),
                        ("revoke-family", Reuse::RevokeFamily),
                    ],
                )?);
            }
            "--lock-out-after" => {
                let limit = number(&value()?, u32::MAX)?;
                self.settings = settings.with_lock_out_after(Some(limit).filter(|n| *n > 0));
            }
            "--request-lost" => self.rates.request_lost = rate(&value()?)?,
            "--answer-lost" => self.rates.answer_lost = rate(&value()?)?,
            "--server-error" => self.rates.server_error = rate(&value()?)?,
            "--too-many-requests" => self.rates.too_many_requests = rate(&value()?)?,
            "--garbage" => self.rates.garbage = rate(&value()?)?,
            "--truncated" => self.rates.truncated = rate(&value()?)?,
            "--delayed" => self.rates.delayed = rate(&value()?)?,
            "--delay" => self.rates.delay = time(&value()?)?,
            _ => return Err("no such flag; --help lists them".into()),
        }
        Ok(())
    }

    fn settings(&self) -> Settings {
        self.settings
            .clone()
            .with_user(&self.username, &self.password)
            .with_client(&self.client_id, self.client_secret.as_deref())
            .with_fault_rates(self.rates)
    }
}

fn number<N: FromStr + Display + Copy>(text: &str, max: N) -> Result<N, String> {
    text.parse()
        .map_err(|_| format!("'{text}' is not a number from 0 to {max}"))
}

fn rate(text: &str) -> Result<u16, String> {
    number(text, 1000)
        .ok()
        .filter(|rate| *rate <= 1000)
        .ok_or_else(|| format!("'{text}' is not a number from 0 to 1000"))
}

fn time(text: &str) -> Result<Duration, String> {
    let (digits, seconds) = match text.as_bytes().last() {
        Some(b's') => (&text[..text.len() - 1], 1),
        Some(b'm') => (&text[..text.len() - 1], 60),
        Some(b'h') => (&text[..text.len() - 1], 3600),
        _ => (text, 1),
    };
    let count: Option<u64> = digits.parse().ok();
    match count.and_then(|count| count.checked_mul(seconds)) {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => Err(format!("'{text}' is not a time like 90, 90s, 15m or 24h")),
    }
}

fn one_of<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == text) {
        return Ok(*choice);
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    Err(format!("'{text}' is none of {}", names.join(", ")))
}

/// Where it is and what to paste into a shell.
fn welcome(server: &Server, flags: &Flags) -> String {
    let base = server.base_url();
    let username = quote(&format!("username={}", flags.username));
    let password = quote(&format!("password={}", flags.password));
    let encoded = form_urlencoded::Serializer::new(String::new())
        .append_pair("username", &flags.username)
        .append_pair("password", &flags.password)
        .finish();
    format!(
        r#"Simacan Auth API   {base}
OAuth 2.0          {token_endpoint}
target APIs        {origin}, all other paths
username           {user}
password           {secret}

# Log in:
curl -X POST --data-urlencode {username} --data-urlencode {password} {base}/auth/password

# Log in, encoded by hand, and keep the tokens:
TOKENS=$(curl -s -X POST -d '{encoded}' {base}/auth/password)
ACCESS=$(echo "$TOKENS" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
REFRESH=$(echo "$TOKENS" | sed 's/.*"refresh_token":"\([^"]*\)".*/\1/')

# Use the access token:
curl -i -X POST -H "Authorization: Bearer $ACCESS" -d '<realisation/>' {base}/realisation

# Refresh:
curl -X POST --data-urlencode "refresh_token=$REFRESH" {base}/auth/refresh

Ctrl-C stops it. Requests, as they come in (times are UTC):"#,
        token_endpoint = server.token_endpoint(),
        origin = server.origin(),
        user = flags.username,
        secret = flags.password,
    )
}

/// As one word of a POSIX shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn log(entry: &Entry) {
    let since_1970 = entry.at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let today = since_1970.as_secs() % 86_400;
    let (hours, minutes, seconds) = (today / 3600, today / 60 % 60, today % 60);
    let millis = since_1970.subsec_millis();
    let line = format!("{hours:02}:{minutes:02}:{seconds:02}.{millis:03} {entry}\n");
    // Not println, which panics when the reader of a pipe has gone.
    let _ = std::io::stdout().write_all(line.as_bytes());
}
