//! A hundred callers at once on the runtime `smol`, and a session in a file that outlives the program.
//!
//! ```text
//! cargo run -p simacan-auth-driver --example smol
//! ```
//!
//! The driver asks for no runtime: who waits for a token awaits it in any, and the exchanges, one an hour,
//! are made with a client that blocks.

use std::time::Duration;

use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use simacan_auth_driver::Driver;
use simacan_auth_driver::simacan_auth::{Credentials, Provider, RequestBody, ResponseBody};
use simacan_auth_driver::simacan_auth::{Review, TransportFailure, Zeroizing};
use simacan_auth_emulator::{Emulator, Server, Settings};
use simacan_auth_file_store::FileStore;
use smol::{io::AsyncReadExt, io::AsyncWriteExt, net::TcpStream};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Sends a request to the auth endpoint: once, following nothing, in the time that there is by default.
fn exchange(request: Request<RequestBody>) -> Result<Response<ResponseBody>, ureq::Error> {
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(20)));
    // The emulator is on loopback, which no proxy of the environment is for.
    let config = config.proxy(None).http_status_as_error(false);
    let config = config.max_redirects(0).build();
    let (head, body) = request.into_parts();
    let answer = ureq::Agent::from(config).run(Request::from_parts(head, &body[..]))?;
    let (head, mut body) = answer.into_parts();
    let mut answer = ResponseBody::new();
    let _ = answer.push(&Zeroizing::new(body.read_to_vec()?));
    Ok(Response::from_parts(head, answer))
}

/// Asks where a truck is, logged in; after a 401 once more. (It takes no more HTTP than this.)
async fn ask(driver: Driver, host: String, truck: u32) -> Result<StatusCode, Error> {
    let mut pending = None;
    loop {
        let mut request = Request::get(format!("http://{host}/trucks/{truck}")).body(())?;
        let sent = driver.authorize(pending, &mut request).await?;
        let bearer = request.headers()[AUTHORIZATION].to_str()?;
        let head = format!("GET /trucks/{truck} HTTP/1.0\r\nauthorization: {bearer}\r\n\r\n");
        let (mut stream, mut answer) = (TcpStream::connect(&host).await?, String::new());
        stream.write_all(head.as_bytes()).await?;
        stream.read_to_string(&mut answer).await?;
        let status = answer.split(' ').nth(1).unwrap_or_default().parse()?;
        match driver.review(sent, status) {
            Review::Retry(again) => pending = Some(again),
            Review::Deliver => return Ok(status),
        }
    }
}

pub(crate) fn main() -> Result<(), Error> {
    let server = Server::start(Emulator::new(Settings::new().with_user("u", "p")))?;
    let provider = Provider::simacan_at(server.base_url()).allow_origin(server.origin());
    let provider = provider.allow_loopback_http().build()?;
    let folder = std::env::temp_dir().join(format!("simacan-auth-smol-{}", std::process::id()));
    for start in 1..=2 {
        let driver = Driver::settings(provider.clone(), Credentials::new("u", "p"))
            .store(FileStore::new(folder.join("session.json")))
            .build(|request| exchange(request).map_err(TransportFailure::new));
        let ask = |truck| smol::spawn(ask(driver.clone(), server.address().to_string(), truck));
        for asked in (0..100).map(ask).collect::<Vec<_>>() {
            assert_eq!(smol::block_on(asked)?, StatusCode::OK);
        }
        let counted = server.with(|emulator| *emulator.ledger().counters());
        let (passwords, refreshes) = (counted.passwords_received, counted.refreshes_received);
        let sent = counted.targets_received;
        println!("start {start}: {sent} requests, {passwords} password, {refreshes} refreshes");
        assert_eq!((passwords, refreshes), (1, start - 1));
        // The next one finds a token that the platform has ended. Its hundred 401s cause one refresh.
        server.with(Emulator::revoke_access_tokens);
    }
    Ok(std::fs::remove_dir_all(folder)?)
}
