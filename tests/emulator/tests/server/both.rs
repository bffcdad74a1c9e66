//! The model and the server, side by side: what a client of the model is told is what one on the wire sees.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderValue, Request, Response, StatusCode};
use simacan_auth_emulator::{Emulator, Endpoint, Fault, Outcome, Profile, Server};

use crate::settings;
use crate::socket::{Client, LOGIN};

/// What a client makes of an answer, by RFC 9112: its status, its body, and whether that is all of it.
type Seen = Option<(u16, String, bool)>;

/// Each once, and none.
fn faults() -> Vec<Option<Fault>> {
    let length = |length: usize| {
        let answer = Response::builder().header("content-length", length);
        Fault::from(answer.body("four").unwrap())
    };
    let faults = [
        Fault::RequestLost,
        Fault::AnswerLost,
        Fault::Delay(Duration::from_millis(1)),
        Fault::Status(StatusCode::SERVICE_UNAVAILABLE),
        Fault::Status(StatusCode::NOT_MODIFIED),
        Fault::RetryAfter(StatusCode::TOO_MANY_REQUESTS, 60.into()),
        Fault::Truncated,
        Fault::CutShort,
        Fault::CutAtEnd,
        Fault::Garbage(b"<html>".to_vec()),
        Response::builder().status(204).body("none").unwrap().into(),
        length(4),
        length(3),
        length(5),
        Fault::Redirect(StatusCode::FOUND, HeaderValue::from_static("/")),
    ];
    std::iter::once(None).chain(faults.map(Some)).collect()
}

fn requests(token: &str) -> Vec<(Endpoint, Request<String>)> {
    let form = |path: &str, form: &str| {
        let request =
            Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        request.body(form.to_owned()).unwrap()
    };
    let target = |method| {
        let request = Request::builder().method(method).uri("/x");
        let request = request.header("authorization", format!("Bearer {token}"));
        request.body(String::new()).unwrap()
    };
    let grant = format!("grant_type=password&client_id=emulator&{LOGIN}");
    vec![
        (Endpoint::Password, form("/api/v1/auth/password", LOGIN)),
        (
            Endpoint::Password,
            form("/api/v1/auth/password", "username=x&password=y"),
        ),
        (Endpoint::Password, form("/oauth2/token", &grant)),
        (
            Endpoint::Refresh,
            form("/api/v1/auth/refresh", "refresh_token=x"),
        ),
        (Endpoint::Target, target("POST")),
        (Endpoint::Target, target("GET")),
        (Endpoint::Target, target("HEAD")),
        (Endpoint::Target, form("/x", "without a token")),
        (Endpoint::Other, form("/api/v1/auth/x", "")),
        (Endpoint::Other, form("/emulator/set", "grace=soon")),
        (Endpoint::Other, form("/emulator/clear", "")),
    ]
}

#[test]
fn a_client_of_the_model_sees_what_one_on_the_wire_sees() {
    let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for profile in [Profile::Documented, Profile::Keycloak, Profile::Glewlwyd] {
        let mut model = Emulator::new(settings().with_profile(profile).with_lock_out_after(None));
        let server = Server::options()
            .clock(move || now)
            .start(model.clone())
            .unwrap();
        let login = requests("").swap_remove(0).1;
        let token = Client::connect(&server).log_in();
        let logged_in = model.respond(now, &login).expect("no fault is set");
        assert!(String::from_utf8_lossy(logged_in.body()).contains(&token));
        for (endpoint, request) in requests(&token) {
            for fault in faults() {
                let context = format!(
                    "{profile}, {} {}, {fault:?}",
                    request.method(),
                    request.uri()
                );
                if let Some(fault) = fault {
                    model.script(endpoint, fault.clone());
                    server.with(|emulator| emulator.script(endpoint, fault));
                }
                let told = match model.handle(now, &request).outcome {
                    Outcome::Answer(answer) => Some((answer, true)),
                    Outcome::CutShort(answer) => Some((answer, false)),
                    Outcome::Lost => None,
                };
                let told = told
                    .map(|(answer, whole)| (answer.status().as_u16(), text(answer.body()), whole));
                assert_eq!(told, on_the_wire(&server, &request), "{context}");
            }
        }
        assert_eq!(model, server.with(|emulator| emulator.clone()));
    }
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

fn on_the_wire(server: &Server, request: &Request<String>) -> Seen {
    let mut client = Client::connect(server);
    let (method, path, body) = (request.method(), request.uri(), request.body());
    client.write(&format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
    ));
    for (name, value) in request.headers() {
        client.write(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    client.write(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    let bytes = client.read_rest();
    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut body = bytes[end + 4..].to_vec();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    if method == "HEAD" || status == 204 || status == 304 {
        assert_eq!(body, b"", "{head}");
        return Some((status, text(&body), true));
    }
    let (_, length) = head.split_once("\r\ncontent-length: ").expect("a length");
    let length: usize = length.split('\r').next()?.parse().ok()?;
    let is_whole = body.len() >= length;
    body.truncate(length);
    Some((status, text(&body), is_whole))
}

/// Who needs answers whole is not given half of one.
#[test]
fn an_answer_that_breaks_off_is_no_response() {
    let mut model = Emulator::new(settings());
    let (endpoint, login) = requests("").swap_remove(0);
    for fault in [Fault::CutShort, Fault::CutAtEnd] {
        model.script(endpoint, fault);
        assert!(model.respond(UNIX_EPOCH, &login).is_none());
    }
    assert!(model.respond(UNIX_EPOCH, &login).is_some());
}
