//! The driver by itself: no sockets, and time goes by as each test says. What an HTTP client adds to it is
//! the conformance suite's.

mod bearer;
mod emulated;
mod hangs;
mod health;
mod keeper;
mod mishaps;
mod wakers;
