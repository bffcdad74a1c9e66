//! What the example listens to: a feed that lets in who has a good token, and for as long as it is good.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Uri};
use simacan_auth_emulator::{Emulator, Endpoint, Fault, Settings};
use simacan_auth_ureq::simacan_auth::{RequestBody, ResponseBody, TransportFailure};
use simacan_auth_ureq::{Config, Provider};
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::http::StatusCode;
use tungstenite::http::header::AUTHORIZATION;
use tungstenite::protocol::CloseFrame;

use super::Result;

#[derive(Clone)]
pub(crate) struct Feed {
    port: u16,
    emulator: Arc<Mutex<Emulator>>,
    sent: Arc<AtomicU64>,
    handshakes: Arc<AtomicU64>,
}

impl Feed {
    pub(crate) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let settings = Settings::new().with_user("u", "p");
        let feed = Self {
            port: listener.local_addr()?.port(),
            emulator: Arc::new(Mutex::new(Emulator::new(settings))),
            sent: Arc::default(),
            handshakes: Arc::default(),
        };
        let serving = feed.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let feed = serving.clone();
                thread::spawn(move || feed.serve(stream));
            }
        });
        Ok(feed)
    }

    pub(crate) fn provider(&self) -> Result<Provider> {
        let provider = Provider::simacan_at("http://127.0.0.1:4780/api/v1")
            .allow_loopback_http()
            .allow_origin(format!("ws://127.0.0.1:{}", self.port));
        Ok(provider.build()?)
    }

    /// Outages are shorter here than in the world.
    pub(crate) fn config() -> Config {
        let mut config = Config::default();
        config.backoff.first = Duration::from_millis(10);
        config.cool_down.first = Duration::from_millis(300);
        config
    }

    pub(crate) fn exchange(
        &self,
    ) -> impl Fn(
        http::Request<RequestBody>,
    ) -> std::result::Result<http::Response<ResponseBody>, TransportFailure>
    + use<> {
        Emulator::exchange(self.emulator.clone(), SystemTime::now)
    }

    pub(crate) fn uri(&self) -> Result<Uri> {
        Ok(format!("ws://127.0.0.1:{}/positions", self.port).parse()?)
    }

    /// A connection until its token is worth nothing any more.
    fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut authorization = None;
        #[expect(clippy::result_large_err, reason = "it is tungstenite's")]
        let callback = |request: &Request, response: Response| {
            self.handshakes.fetch_add(1, Ordering::SeqCst);
            authorization = request.headers().get(AUTHORIZATION).cloned();
            let is_believed = (authorization.as_ref()).is_some_and(|value| self.believes(value));
            is_believed.then_some(response).ok_or_else(|| {
                let mut refusal = ErrorResponse::new(None);
                *refusal.status_mut() = StatusCode::UNAUTHORIZED;
                refusal
            })
        };
        let mut socket = tungstenite::accept_hdr(stream, callback).ok()?;
        let authorization = authorization?;
        while self.believes(&authorization) {
            let n = self.sent.fetch_add(1, Ordering::SeqCst);
            let position = format!(r#"{{"vehicle":"truck-7","position":{n}}}"#);
            socket.send(position.into()).ok()?;
            self.interfere(n + 1);
        }
        let frame = CloseFrame {
            code: 4401.into(),
            reason: "the token has died".into(),
        };
        socket.close(Some(frame)).ok()?;
        while socket.read().is_ok() {}
        Some(())
    }

    fn believes(&self, authorization: &HeaderValue) -> bool {
        let request = http::Request::get("/positions").header(AUTHORIZATION, authorization);
        let request = request.body([]).expect("it has all parts");
        let answer = self.lock().respond(SystemTime::now(), &request);
        answer.is_some_and(|answer| answer.status().is_success())
    }

    /// What happens after which message.
    fn interfere(&self, sent: u64) {
        let mut emulator = self.lock();
        match sent {
            10 => emulator.revoke_access_tokens(),
            20 => {
                emulator.revoke_access_tokens();
                let away = Fault::Status(StatusCode::SERVICE_UNAVAILABLE);
                emulator.script_n(Endpoint::Refresh, away, 6);
            }
            30 => {
                emulator.revoke_access_tokens();
                emulator.revoke_refresh_tokens();
            }
            _ => {}
        }
    }

    /// A handshake for each death of the token, and one more for each time that the auth endpoint was away for
    /// longer than anyone waits. A refresh for each death, and the password once the session had ended.
    pub(crate) fn check(&self) -> Result<()> {
        let counters = *self.lock().ledger().counters();
        let handshakes = self.handshakes.load(Ordering::SeqCst);
        let (refreshes, passwords) = (counters.refreshes_accepted, counters.passwords_received);
        println!("{handshakes} handshakes, {refreshes} refreshes and {passwords} passwords");
        match (handshakes, refreshes, passwords) {
            (4..=6, 2, 2) => Ok(()),
            _ => Err("6, 2 and 2 would have done".into()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Emulator> {
        self.emulator.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
