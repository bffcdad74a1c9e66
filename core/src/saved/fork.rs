use super::{SavedSession, SavedTokens};
use crate::fork::{Fork, Hash, Hasher};

impl Fork for SavedSession {
    fn fork(&self) -> Self {
        self.duplicate()
    }

    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        (self.revision, &self.endpoint, &self.username).hash(&mut hasher);
        (&self.client_id, &self.scope, self.members, &self.logins).hash(&mut hasher);
        (
            self.lineage,
            &self.login_answers,
            &self.targets,
            self.outage,
            &self.others,
        )
            .hash(&mut hasher);
        self.tokens.fingerprint(hasher);
    }
}

impl Fork for SavedTokens {
    fn fork(&self) -> Self {
        self.duplicate()
    }

    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        self.access_token.fingerprint(hasher);
        self.refresh_token.fingerprint(hasher);
        (self.received_at, self.expires_at, self.refresh_answers).hash(&mut hasher);
    }
}

#[cfg(test)]
mod tests {
    use std::hash::DefaultHasher;

    use super::*;

    #[test]
    fn what_a_session_is_told_from_others_by() {
        const WHOLE: &str = r#"{"version":1,"revision":1,"endpoint":"https://l.example/t","client_id":"c",
            "scope":"s","members":11,"username":"u","tokens":{"access_token":"a","refresh_token":"r",
            "received_at":2,"expires_at":3},"logins":{"count":4,"last":5},
            "login_answers":[{"check":6,"unclear":9,"last":{"at":10},"refusal":{"at":{"at":12}}}],
            "targets":{"10":{"started":[8],"strikes":1,"struck":8}}}"#;
        let fingerprint = |json: &str| {
            let saved = SavedSession::from_json(json.as_bytes()).unwrap();
            let mut hasher = DefaultHasher::new();
            saved.fork().fingerprint(&mut hasher);
            hasher.finish()
        };
        assert_eq!(fingerprint(WHOLE), fingerprint(WHOLE));
        for (member, other) in [
            (r#""revision":1"#, r#""revision":2"#),
            ("l.example", "m.example"),
            (r#""c""#, r#""d""#),
            (r#""s""#, "null"),
            (r#""members":11"#, r#""members":12"#),
            (r#""username":"u""#, r#""username":"v""#),
            (r#""access_token":"a""#, r#""access_token":"b""#),
            (r#""refresh_token":"r""#, r#""refresh_token":"s""#),
            (r#""refresh_token":"r""#, r#""refresh_token":null"#),
            (r#""received_at":2"#, r#""received_at":1"#),
            (r#""expires_at":3"#, r#""expires_at":null"#),
            (r#""count":4"#, r#""count":5"#),
            (r#""check":6"#, r#""check":7"#),
            (r#""unclear":9"#, r#""unclear":10"#),
            (r#""at":12"#, r#""at":13"#),
            ("[8]", "[9]"),
            (r#""strikes":1"#, r#""strikes":2"#),
        ] {
            let changed = WHOLE.replace(member, other);
            assert_ne!(changed, WHOLE);
            assert_ne!(fingerprint(&changed), fingerprint(WHOLE), "{member}");
        }
    }
}
