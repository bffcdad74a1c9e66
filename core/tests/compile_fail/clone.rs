use simacan_auth::{
    Authenticated, Exchange, Machine, Permit, ReLogin, Refreshing, Session, Ticket, Unauthenticated,
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
    copies::<Permit>();
    copies::<Ticket>();
}
