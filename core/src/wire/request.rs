//! Builds the requests. No unwiped copy of a secret is left behind: every buffer has its final
//! size before a secret is written to it.

use std::fmt;
use std::ops::Deref;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Uri};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::Credentials;
use crate::provider::{ClientAuth, Dialect, Provider, SecretPlace};
use crate::token::{RefreshToken, all};
use crate::wiped::Wiped;

/// What is sent to get tokens: an authorization grant (RFC 6749, section 1.3) or a refresh token.
#[derive(Clone, Copy)]
pub(crate) enum Grant<'a> {
    Password(&'a Credentials),
    Refresh(&'a RefreshToken),
    /// No grant, but its end (RFC 7009, section 2.1), with what kind of token it is.
    Revocation(&'a RefreshToken, &'static str),
}

/// The body of a request to the auth endpoint: a form that holds a secret.
///
/// It is wiped when dropped and prints as `[redacted]`. HTTP clients that take a
/// slice send it from where it is; for those that want [`Bytes`], `Bytes::from` hands over the
/// same memory, wiped when the last clone is dropped. What a client copies into
/// buffers of its own is out of reach.
///
/// ```
/// # use simacan_auth::*;
/// let session = Session::new(Provider::simacan(), Credentials::new("foo@bar.com", "secret"));
/// let (request, exchange) = session.begin(Timestamp::from_millis(0));
/// assert_eq!(format!("{:?}", request.body()), "RequestBody([redacted])");
/// assert_eq!(&request.body()[..], b"username=foo%40bar.com&password=secret");
/// # drop(exchange);
/// ```
pub struct RequestBody(Wiped<String>);

impl Deref for RequestBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl AsRef<[u8]> for RequestBody {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<RequestBody> for Bytes {
    fn from(body: RequestBody) -> Self {
        Self::from_owner(body)
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestBody([redacted])")
    }
}

/// The form; absent members are not sent.
#[derive(Serialize, Default)]
struct Form<'a> {
    grant_type: Option<&'static str>,
    username: Option<&'a str>,
    password: Option<&'a str>,
    scope: Option<&'a str>,
    client_id: Option<&'a str>,
    client_secret: Option<&'a str>,
    refresh_token: Option<&'a str>,
    token: Option<&'a str>,
    token_type_hint: Option<&'static str>,
    /// Those that the user has named.
    #[serde(skip)]
    members: &'a [(String, Zeroizing<String>)],
}

pub(crate) fn request(provider: &Provider, grant: Grant<'_>) -> Request<RequestBody> {
    let mut form = match grant {
        Grant::Password(credentials) => Form {
            username: Some(credentials.username()),
            password: Some(credentials.password()),
            ..Form::default()
        },
        Grant::Refresh(token) => Form {
            refresh_token: Some(token.expose()),
            ..Form::default()
        },
        Grant::Revocation(token, hint) => Form {
            token: Some(token.expose()),
            token_type_hint: Some(hint),
            ..Form::default()
        },
    };
    let (uri, authorization) = match provider.dialect() {
        Dialect::Simacan { password, refresh } => match grant {
            Grant::Password(_) => (password, None),
            Grant::Refresh(_) | Grant::Revocation(..) => (refresh, None),
        },
        Dialect::OAuth2 {
            token,
            revocation,
            client,
            extras,
        } => {
            let scope = extras.scope.as_deref();
            // A refresh without a scope asks for the one that was granted (RFC 6749, section 6).
            (form.grant_type, form.scope) = match grant {
                Grant::Password(_) => (Some("password"), scope),
                Grant::Refresh(_) => (
                    Some("refresh_token"),
                    scope.filter(|_| extras.scope_at_refresh),
                ),
                Grant::Revocation(..) => (None, None),
            };
            let uri = if let Grant::Revocation(..) = grant {
                revocation.as_ref().unwrap_or(token)
            } else {
                form.members = &extras.members;
                token
            };
            (uri, authenticate(client, &mut form))
        }
    };
    post(uri, authorization, encode(form))
}

/// Puts the client's identity into the form or into the header that it returns (RFC 6749, section 2.3.1).
fn authenticate<'a>(client: &'a ClientAuth, form: &mut Form<'a>) -> Option<HeaderValue> {
    match &client.secret {
        Some((secret, SecretPlace::Header)) => {
            let encode = |text: &str, pair: &mut String| {
                pair.extend(form_urlencoded::byte_serialize(text.as_bytes()));
            };
            return Some(basic(&client.id, secret, encode));
        }
        Some((secret, SecretPlace::HeaderUnencoded)) => {
            return Some(basic(&client.id, secret, |text, pair| pair.push_str(text)));
        }
        Some((secret, SecretPlace::Form)) => form.client_secret = Some(secret),
        None => {}
    }
    form.client_id = Some(&client.id);
    None
}

/// HTTP Basic over id and secret, which the RFC has form-encoded (section 2.3.1).
fn basic(id: &str, secret: &str, push: impl Fn(&str, &mut String)) -> HeaderValue {
    const SCHEME: &str = "Basic ";
    let mut pair = Zeroizing::new(String::with_capacity(3 * (id.len() + secret.len()) + 1));
    push(id, &mut pair);
    pair.push(':');
    push(secret, &mut pair);

    let mut text = Zeroizing::new(vec![0; SCHEME.len() + pair.len().div_ceil(3) * 4]);
    let (scheme, encoded) = text.split_at_mut(SCHEME.len());
    scheme.copy_from_slice(SCHEME.as_bytes());
    STANDARD
        .encode_slice(pair.as_bytes(), encoded)
        .expect("the slice has the length of the encoding");
    sensitive(text)
}

fn sensitive(text: Zeroizing<Vec<u8>>) -> HeaderValue {
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(text))
        .expect("the base64 alphabet is ASCII");
    value.set_sensitive(true);
    value
}

fn encode(mut form: Form<'_>) -> RequestBody {
    const TOKEN: &str = "&refresh_token=";
    // Most tokens need no encoding. The encoder would take longer to find that out than the answer takes.
    let plain = form.refresh_token.take_if(|token| is_plain(token));
    let values = [
        form.grant_type,
        form.username,
        form.password,
        form.scope,
        form.client_id,
        form.client_secret,
        form.refresh_token,
        form.token,
        form.token_type_hint,
    ];
    // A byte takes three at most, `%XX`. More than that would be waste, less a copy left behind.
    let longest = |value: &&str| TOKEN.len() + 3 * value.len();
    let members = form.members.iter();
    let members = members.map(|(name, value)| 2 + 3 * (name.len() + value.len()));
    let capacity = plain.map_or(0, |token| TOKEN.len() + token.len())
        + values.iter().flatten().map(longest).sum::<usize>()
        + members.sum::<usize>();
    let mut text = Wiped(String::with_capacity(capacity));
    let mut encoder = form_urlencoded::Serializer::new(&mut *text);
    form.serialize(serde_urlencoded::Serializer::new(&mut encoder))
        .expect("a flat struct of strings");
    encoder.extend_pairs(form.members.iter().map(|(name, value)| (name, &**value)));
    encoder.finish();
    if let Some(token) = plain {
        let name = if text.is_empty() { &TOKEN[1..] } else { TOKEN };
        text.push_str(name);
        text.push_str(token);
    }
    debug_assert!(text.len() <= capacity, "grew and left a copy behind");
    RequestBody(text)
}

/// Whether each character stands for itself.
fn is_plain(value: &str) -> bool {
    all(value, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
    })
}

/// Of every request. To copy them takes less than to hash their names.
static HEADERS: LazyLock<HeaderMap> = LazyLock::new(|| {
    let agent = concat!("simacan-auth/", env!("CARGO_PKG_VERSION"));
    let headers = [
        (CONTENT_TYPE, "application/x-www-form-urlencoded"),
        (ACCEPT, "application/json"),
        // Some servers compress unless told not to (RFC 9110, section 12.5.3).
        (ACCEPT_ENCODING, "identity"),
        (USER_AGENT, agent),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    HeaderMap::from_iter(headers)
});

fn post(uri: &Uri, authorization: Option<HeaderValue>, body: RequestBody) -> Request<RequestBody> {
    let mut request = Request::new(body);
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = uri.clone();
    *request.headers_mut() = HEADERS.clone();
    if let Some(authorization) = authorization {
        request.headers_mut().insert(AUTHORIZATION, authorization);
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(provider: &Provider, grant: Grant<'_>) -> String {
        let body = request(provider, grant).into_body();
        assert_eq!(*body, *AsRef::<[u8]>::as_ref(&body));
        String::from_utf8(Bytes::from(body).into()).unwrap()
    }

    #[test]
    fn the_longest_secrets_fit_the_buffer_and_do_not_print() {
        let text = "é".repeat(100);
        let credentials = Credentials::new(text.clone(), text.clone());
        let provider = oauth2(ClientAuth::form(text.clone(), text.clone()));
        let body = request(&provider, Grant::Password(&credentials)).into_body();
        let encoded = body.windows(3).filter(|window| window == b"%A9").count();
        assert_eq!(encoded, 400);
        assert_eq!(format!("{body:?}"), "RequestBody([redacted])");
    }

    fn oauth2(client: ClientAuth) -> Provider {
        Provider::oauth2("https://l.example/token", client)
            .scope("a b")
            .build()
            .unwrap()
    }

    #[test]
    fn simacan_gets_a_form_at_each_grants_own_endpoint() {
        let credentials = Credentials::new("foo@bar.com", "a&b=c+d %é");
        let token = RefreshToken::new("r.e-f_r");
        let login = request(&Provider::simacan(), Grant::Password(&credentials));
        assert_eq!(login.method(), "POST");
        assert_eq!(
            login.uri(),
            "https://auth-service.services.simacan.com/api/v1/auth/password"
        );
        assert_eq!(
            login.headers()["content-type"],
            "application/x-www-form-urlencoded"
        );
        assert_eq!(login.headers()["accept"], "application/json");
        assert_eq!(login.headers()["accept-encoding"], "identity");
        assert!(login.headers().contains_key("user-agent"));
        assert_eq!(
            &login.body()[..],
            b"username=foo%40bar.com&password=a%26b%3Dc%2Bd+%25%C3%A9"
        );
        let refresh = request(&Provider::simacan_staging(), Grant::Refresh(&token));
        assert_eq!(
            refresh.uri(),
            "https://auth-service-stg.services.simacan.com/api/v1/auth/refresh"
        );
        assert_eq!(&refresh.body()[..], b"refresh_token=r.e-f_r");
    }

    #[test]
    fn rfc_6749_gets_the_grant_type_and_the_client() {
        let credentials = Credentials::new("u", "p");
        let token = RefreshToken::new("r");
        let public = oauth2(ClientAuth::public("c"));
        assert_eq!(
            body(&public, Grant::Password(&credentials)),
            "grant_type=password&username=u&password=p&scope=a+b&client_id=c"
        );
        assert_eq!(
            body(&public, Grant::Refresh(&token)),
            "grant_type=refresh_token&client_id=c&refresh_token=r"
        );
        let form = oauth2(ClientAuth::form("c", "s&"));
        assert_eq!(
            body(&form, Grant::Refresh(&token)),
            "grant_type=refresh_token&client_id=c&client_secret=s%26&refresh_token=r"
        );
    }

    #[test]
    fn what_the_user_names_is_sent_at_login_and_refresh() {
        let credentials = Credentials::new("u", "p");
        let token = RefreshToken::new("r/"); // which is not plain
        let provider = Provider::oauth2("https://l.example/token", ClientAuth::public("c"))
            .scope("a b")
            .scope_at_refresh()
            .form_member("audience", "https://api.example/é")
            .form_member("x&", "")
            .build()
            .unwrap();
        let members = "audience=https%3A%2F%2Fapi.example%2F%C3%A9&x%26=";
        assert_eq!(
            body(&provider, Grant::Password(&credentials)),
            format!("grant_type=password&username=u&password=p&scope=a+b&client_id=c&{members}")
        );
        assert_eq!(
            body(&provider, Grant::Refresh(&token)),
            format!("grant_type=refresh_token&scope=a+b&client_id=c&refresh_token=r%2F&{members}")
        );
        assert!(
            !format!("{provider:?}").contains("api.example/é"),
            "a value may be secret"
        );
    }

    #[test]
    fn a_basic_client_can_be_left_unencoded() {
        let provider = oauth2(ClientAuth::basic_unencoded("my id", "s3cr+t/%&:é"));
        let token = RefreshToken::new("r");
        let request = request(&provider, Grant::Refresh(&token));
        let header = &request.headers()[AUTHORIZATION];
        assert!(header.is_sensitive());
        let text = header.to_str().unwrap().strip_prefix("Basic ").unwrap();
        assert_eq!(
            STANDARD.decode(text).unwrap(),
            "my id:s3cr+t/%&:é".as_bytes()
        );
    }

    #[test]
    fn a_basic_client_encodes_before_it_encodes_and_is_marked_sensitive() {
        let provider = oauth2(ClientAuth::basic("my id", "p:w"));
        let token = RefreshToken::new("r");
        let request = request(&provider, Grant::Refresh(&token));
        let header = &request.headers()[AUTHORIZATION];
        assert!(header.is_sensitive());
        let text = header.to_str().unwrap().strip_prefix("Basic ").unwrap();
        assert_eq!(STANDARD.decode(text).unwrap(), b"my+id:p%3Aw");
        assert_eq!(
            &request.body()[..],
            b"grant_type=refresh_token&refresh_token=r"
        );
    }
}
