//! Starts the emulator on the loopback interface, for clients and for `curl`.

use std::io::Write;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use simacan_auth_emulator::{Detail, Emulator, Entry, FaultRates, Server, Settings};

const VERSION: &str = concat!("simacan-auth-emulator ", env!("CARGO_PKG_VERSION"));

const HELP: &str = "\
Emulates the Simacan Auth API, an RFC 6749 token endpoint and target APIs on 127.0.0.1.

USAGE: simacan-auth-emulator [FLAG VALUE]...

  --port PORT                 listen here; 0 is any free port     [4780]
  --user NAME:PASSWORD        a user; as often as there are    [foo@bar.com:open sesame]
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
  --next ENDPOINT:FAULT       strikes once: password, refresh, target or other; a status, a time,
                              request-lost, answer-lost, truncated, cut-short or cut-at-end

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

  --help, --version           show this, or which one it is

TIME is in seconds unless it ends in s, m or h. All but the port can be set by request later:
curl -d truncated=100 http://127.0.0.1:4780/emulator/set";

fn main() -> ExitCode {
    let started = match Flags::parse(std::env::args().skip(1)) {
        Ok(Some(flags)) => flags,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            return ExitCode::from(2);
        }
    };
    let Flags {
        port,
        emulator,
        user,
    } = started;
    let server = match Server::options().port(port).log(log).start(emulator) {
        Ok(server) => server,
        Err(error) => {
            complain(&format!("--port {port}: {error}"));
            return ExitCode::FAILURE;
        }
    };
    say(&welcome(&server, &user));
    loop {
        thread::park();
    }
}

/// What the command line says.
struct Flags {
    port: u16,
    emulator: Emulator,
    /// The first, with the password.
    user: String,
}

impl Flags {
    /// `None`: what was asked for has been shown.
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        // A server that runs for days is not to remember each request.
        let settings = Settings::new().with_ledger(Detail::Counters);
        let mut flags = Self {
            port: 4780,
            emulator: Emulator::new(settings.with_fault_rates(FaultRates {
                delay: Duration::from_secs(1),
                ..FaultRates::default()
            })),
            user: String::new(),
        };
        while let Some(argument) = arguments.next() {
            match &*argument {
                "--help" | "-h" => say(HELP),
                "--version" | "-V" => say(VERSION),
                _ => {
                    let (flag, value) = match argument.split_once('=') {
                        Some((flag, value)) => (flag, Some(value.to_owned())),
                        None => (&*argument, None),
                    };
                    let value = value.or_else(|| arguments.next());
                    let set = flags.set(flag, value.as_deref());
                    set.map_err(|error| format!("{flag}: {error}"))?;
                    continue;
                }
            }
            return Ok(None);
        }
        if flags.user.is_empty() {
            flags.set("--user", Some("foo@bar.com:open sesame"))?;
        }
        Ok(Some(flags))
    }

    fn set(&mut self, flag: &str, value: Option<&str>) -> Result<(), String> {
        let name = flag.strip_prefix("--").unwrap_or_default();
        if value.is_none() && HELP.contains(&format!("  --{name} ")) {
            return Err("a value is missing".into());
        }
        let value = value.unwrap_or_default();
        if name == "port" {
            let port = value.parse();
            self.port = port.map_err(|_| format!("'{value}' is not a number from 0 to 65535"))?;
            return Ok(());
        }
        self.emulator
            .set(name, value)
            .map_err(|error| error.to_string())?;
        if name == "user" && self.user.is_empty() {
            value.clone_into(&mut self.user);
        }
        Ok(())
    }
}

/// Where it is and what to paste into a shell.
fn welcome(server: &Server, user: &str) -> String {
    let base = server.base_url();
    let (name, secret) = user.split_once(':').unwrap_or_default();
    let username = quote(&format!("username={name}"));
    let password = quote(&format!("password={secret}"));
    let encoded = form_urlencoded::Serializer::new(String::new())
        .append_pair("username", name)
        .append_pair("password", secret)
        .finish();
    format!(
        r#"Simacan Auth API   {base}
OAuth 2.0          {token_endpoint}
target APIs        {origin}, all other paths
username           {name}
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
    say(&format!(
        "{hours:02}:{minutes:02}:{seconds:02}.{millis:03} {entry}"
    ));
}

/// Not `println!`, which panics when the reader of a pipe has gone.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(format!("{text}\n").as_bytes());
}

fn complain(text: &str) {
    let _ = std::io::stderr().write_all(format!("simacan-auth-emulator: {text}\n").as_bytes());
}
