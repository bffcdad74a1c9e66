use simacan_auth::{
    Authenticated, Exchange, Machine, Pending, ReLogin, Refreshing, Session, Sent, Unauthenticated,
};

fn copies<T: Clone>() {}

fn main() {
    copies::<Session<Unauthenticated>>();
    copies::<Session<Authenticated>>();
    copies::<Session<Refreshing>>();
    copies::<Session<ReLogin>>();
    copies::<Exchange<Unauthenticated>>();
    copies::<Exchange<Refreshing>>();
    copies::<Exchange<ReLogin>>();
    copies::<Machine>();
    copies::<Pending>();
    copies::<Sent>();
}
