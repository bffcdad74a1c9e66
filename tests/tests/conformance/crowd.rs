//! Many callers at the same time, in threads or in tasks.

use std::sync::{Barrier, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use tokio::runtime::Runtime;

use crate::subject::{Outcome, Trouble};

/// When a caller had its response, from when the first of the crowd began. Stands among its extensions.
#[derive(Clone, Copy)]
pub(crate) struct Took(pub(crate) Duration);

/// A thread for each.
pub(crate) fn threads(
    requests: Vec<Request<Bytes>>,
    send: impl Fn(Request<&[u8]>) -> Result<Response<ureq::Body>, Trouble> + Sync,
) -> Vec<Outcome> {
    let (barrier, first) = (Barrier::new(requests.len()), OnceLock::new());
    let call = |request: Request<Bytes>| {
        barrier.wait();
        let began = first.get_or_init(Instant::now);
        // `&[u8]`, since ureq does not take `Bytes`.
        let (parts, body) = request.into_parts();
        let (mut parts, mut body) = send(Request::from_parts(parts, &body))?.into_parts();
        parts.extensions.insert(Took(began.elapsed()));
        match body.read_to_vec() {
            Ok(body) => Ok(Response::from_parts(parts, body.into())),
            Err(error) => Err(Trouble::Request(error.to_string())),
        }
    };
    thread::scope(|scope| {
        let spawn = |request| {
            let thread = thread::Builder::new().stack_size(512 << 10);
            let spawned = thread.spawn_scoped(scope, || call(request));
            spawned.expect("a thread")
        };
        let threads: Vec<_> = requests.into_iter().map(spawn).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .collect()
    })
}

/// A task for each.
pub(crate) fn tasks<F: Future<Output = Outcome> + Send + 'static>(
    runtime: &Runtime,
    requests: Vec<Request<Bytes>>,
    send: impl Fn(Request<Bytes>) -> F,
) -> Vec<Outcome> {
    runtime.block_on(async {
        let began = Instant::now();
        let spawn = |request| {
            let answer = send(request);
            tokio::spawn(async move {
                let mut response = answer.await?;
                response.extensions_mut().insert(Took(began.elapsed()));
                Ok(response)
            })
        };
        let tasks: Vec<_> = requests.into_iter().map(spawn).collect();
        let mut outcomes = Vec::with_capacity(tasks.len());
        for task in tasks {
            outcomes.push(task.await.expect("no panic"));
        }
        outcomes
    })
}
