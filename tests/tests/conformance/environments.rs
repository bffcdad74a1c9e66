//! Production and staging in one process, by their real names: a proxy leads what is meant for them to two
//! emulators.

use std::sync::{Arc, Mutex};
use std::thread;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use simacan_auth::{Credentials, Provider};
use simacan_auth_emulator::{Endpoint, Fault, Presented, Settings, What};

use crate::certificates::{Authority, authority};
use crate::platform::{USERNAME, World, assert_accepted, post};
use crate::redirects::STATUSES;
use crate::stub::Stub;
use crate::subject::{Plan, Subject, Trouble};
use crate::tls_server::{Flaw, certified_for, serve};

conformance! {
    i8_production_and_staging_share_nothing,
    i8_no_redirect_takes_a_token_from_one_environment_to_the_other,
}

struct Environment {
    world: World,
    provider: fn() -> Provider,
    password: &'static str,
    target: &'static str,
}

impl Environment {
    fn production(authority: &Authority) -> Self {
        let names = [
            "auth-service.services.simacan.com",
            "sct-tracking-data-api.services.simacan.com",
        ];
        Self::new(
            Provider::simacan,
            names,
            "the horse of production",
            1,
            authority,
        )
    }

    fn staging(authority: &Authority) -> Self {
        let names = [
            "auth-service-stg.services.simacan.com",
            "sct-tracking-data-api-stg.services.simacan.com",
        ];
        Self::new(
            Provider::simacan_staging,
            names,
            "the horse of staging",
            2,
            authority,
        )
    }

    /// The same user with another password, and tokens that are good for this one only.
    fn new(
        provider: fn() -> Provider,
        names: [&'static str; 2],
        password: &'static str,
        seed: u64,
        authority: &Authority,
    ) -> Self {
        let settings = Settings::new()
            .with_user(USERNAME, password)
            .with_seed(seed);
        let shown = Arc::new(Mutex::new(certified_for(&names, Flaw::None, authority)));
        Self {
            world: serve(settings, &shown),
            provider,
            password,
            target: names[1],
        }
    }

    fn subject<S: Subject>(&self, proxy: &Stub, authority: &Authority) -> S {
        S::build(Plan {
            credentials: Credentials::new(USERNAME, self.password).into(),
            root: Some(authority.der().to_vec()),
            proxy: Some(proxy.origin()),
            ..self.world.plan_at((self.provider)())
        })
    }

    fn uri(&self) -> String {
        format!("https://{}/api/v1/realisation", self.target)
    }

    fn crowd(&self) -> Vec<Request<Bytes>> {
        (0..10).map(|i| post(&self.uri(), format!("{i}"))).collect()
    }

    /// All tokens that its targets have seen are its own.
    fn assert_saw_its_own_tokens_only(&self) {
        for entry in self.world.entries() {
            let What::Target { token, .. } = &entry.what else {
                continue;
            };
            let is_foreign = matches!(token, Presented::Refused { serial: None, .. });
            assert!(!is_foreign, "{entry}");
        }
    }
}

/// Leads each environment's names to its emulator, and nobody anywhere else.
fn proxy(production: &Environment, staging: &Environment) -> Stub {
    let addresses = [production, staging].map(|environment| environment.world.server.address());
    Stub::start(move |connection| {
        let Some(head) = connection.read_request()? else {
            return Ok(());
        };
        let authority = head.split(' ').nth(1).unwrap_or_default();
        let Some(label) = authority.strip_suffix(".services.simacan.com:443") else {
            return connection.write(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n");
        };
        let to = addresses[usize::from(label.ends_with("-stg"))];
        connection.write(b"HTTP/1.1 200 OK\r\n\r\n")?;
        connection.tunnel(to)
    })
}

fn i8_production_and_staging_share_nothing<S: Subject>() {
    let authority = authority("root");
    let production = Environment::production(&authority);
    let staging = Environment::staging(&authority);
    let proxy = proxy(&production, &staging);
    let environments = [&production, &staging];
    let subjects = environments.map(|environment| environment.subject::<S>(&proxy, &authority));
    let send_all = || {
        thread::scope(|scope| {
            for (environment, subject) in environments.into_iter().zip(&subjects) {
                scope.spawn(|| assert_accepted(&subject.send_all(environment.crowd())));
            }
        });
    };
    send_all();
    production.world.assert_exchanges(1, 0);
    staging.world.assert_exchanges(1, 0);
    production.world.revoke();
    send_all();
    production.world.assert_exchanges(1, 1);
    staging.world.assert_exchanges(1, 0);
    // Neither token goes to the other's targets, nor does anything else.
    let connections = proxy.connections();
    for (subject, other) in [(&subjects[0], &staging), (&subjects[1], &production)] {
        let outcome = subject.send(post(&other.uri(), "x"));
        assert!(matches!(outcome, Err(Trouble::Foreign(_))), "{outcome:?}");
    }
    assert_eq!(proxy.connections(), connections);
    for environment in environments {
        environment.assert_saw_its_own_tokens_only();
        let counters = environment.world.counters();
        assert_eq!(counters.passwords_received, counters.passwords_accepted);
    }
}

fn i8_no_redirect_takes_a_token_from_one_environment_to_the_other<S: Subject>() {
    let authority = authority("root");
    let production = Environment::production(&authority);
    let staging = Environment::staging(&authority);
    let proxy = proxy(&production, &staging);
    let subject: S = production.subject(&proxy, &authority);
    subject.log_in().expect("logged in");
    for status in STATUSES {
        for to in [
            staging.uri(),
            format!("https://{}:443/x", staging.target.to_uppercase()),
            format!("https://{}.example/x", production.target),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let to = HeaderValue::from_str(&to).expect("a URI");
            let fault = Fault::Redirect(status, to);
            production.world.script(Endpoint::Target, fault, 1);
            // A second hop there, where reqwest's own stripping would forget.
            let on = Fault::Redirect(StatusCode::FOUND, HeaderValue::from_static("/second"));
            staging.world.script(Endpoint::Target, on, 1);
            let mut request = post(&production.uri(), "");
            *request.method_mut() = http::Method::GET;
            let _ = subject.send(request);
        }
    }
    staging.assert_saw_its_own_tokens_only();
    staging.world.assert_exchanges(0, 0);
    production.world.assert_exchanges(1, 0);
    assert_accepted(&subject.send_all(production.crowd()));
    production.world.assert_exchanges(1, 0);
}
