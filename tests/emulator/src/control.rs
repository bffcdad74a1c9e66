//! Control by request, for programs that can't call [`Emulator`]'s methods: `/emulator/…`.

use std::time::SystemTime;

use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use crate::auth::bare;
use crate::body::Body;
use crate::entry::{Entry, What};
use crate::fault::Endpoint;
use crate::form::Form;
use crate::model::{Answer, Emulator, Reply};
use crate::route::Head;

impl Emulator {
    /// Does what a request to `/emulator/…` wants. It is no client's request: no fault strikes it, and the
    /// ledger does not have it.
    pub(crate) fn control(
        &mut self,
        now: SystemTime,
        order: &str,
        head: &Head<'_>,
        body: &Body,
    ) -> (Reply, Entry) {
        let answer = match self.obey(order, head, body) {
            Ok(()) => bare(StatusCode::NO_CONTENT),
            Err((status, why)) => refuse(status, &why),
        };
        let entry = Entry {
            at: now,
            endpoint: Endpoint::Other,
            what: What::Control {
                order: order.to_owned(),
            },
            fault: None,
            answered: Some(answer.status()),
        };
        (answer.into(), entry)
    }

    fn obey(
        &mut self,
        order: &str,
        head: &Head<'_>,
        body: &Body,
    ) -> Result<(), (StatusCode, String)> {
        let form = match Form::posted(head, body) {
            Err(malformed)
                if malformed.status == StatusCode::UNSUPPORTED_MEDIA_TYPE && body.len() == 0 =>
            {
                Form::default()
            }
            form => form.map_err(|malformed| (malformed.status, malformed.why.to_owned()))?,
        };
        let done = match order {
            "set" => form.fields().try_for_each(|(flag, value)| {
                let set = self.set(flag, value);
                set.map_err(|why| format!("{flag}: {why}"))
            }),
            "revoke" => match form.fields().next() {
                Some(("tokens", "access")) => {
                    self.revoke_access_tokens();
                    Ok(())
                }
                Some(("tokens", "refresh")) => {
                    self.revoke_refresh_tokens();
                    Ok(())
                }
                Some(("token", text)) if self.revoke(text) => Ok(()),
                _ => {
                    Err("token=TEXT of the emulator's own, tokens=access or tokens=refresh".into())
                }
            },
            "end-sessions" => match form.fields().next() {
                None => {
                    self.end_sessions();
                    Ok(())
                }
                Some(("user", name)) if self.end_sessions_of(name) => Ok(()),
                _ => Err("user=NAME of one that there is, or nothing for all".into()),
            },
            "clear" => {
                self.clear_faults();
                Ok(())
            }
            _ => {
                let why = "there are set, revoke, end-sessions and clear";
                return Err((StatusCode::NOT_FOUND, why.to_owned()));
            }
        };
        done.map_err(|why: String| (StatusCode::BAD_REQUEST, why))
    }
}

fn refuse(status: StatusCode, why: &str) -> Answer {
    let mut answer = bare(status);
    *answer.body_mut() = format!("{why}\n").into_bytes();
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
    }
    answer
}
