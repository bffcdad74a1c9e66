use std::mem;
use std::pin::Pin;

use bytes::Bytes;
use http::{Request, Response};
use simacan_auth::{RequestBody, ResponseBody, TransportFailure};

use crate::trace;

/// Makes an exchange with the auth endpoint.
pub(crate) type Exchange = Box<dyn Fn(Request<RequestBody>) -> Answer + Send + Sync>;

pub(crate) type Answer =
    Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, TransportFailure>> + Send>>;

/// With this client, which is made for it.
pub(crate) fn over(client: reqwest::Client) -> Exchange {
    Box::new(move |request| {
        let client = client.clone();
        Box::pin(trace::exchange(request, async |request| {
            let answer = exchange(client, request).await;
            answer.map_err(TransportFailure::new)
        }))
    })
}

async fn exchange(
    client: reqwest::Client,
    request: Request<RequestBody>,
) -> reqwest::Result<Response<ResponseBody>> {
    let request = request.map(Bytes::from).try_into()?;
    let mut response = client.execute(request).await?;
    let mut body = ResponseBody::new();
    while let Some(chunk) = response.chunk().await? {
        if body.push(&chunk).is_break() {
            break;
        }
    }
    let mut answer = Response::new(body);
    *answer.status_mut() = response.status();
    *answer.headers_mut() = mem::take(response.headers_mut());
    Ok(answer)
}
