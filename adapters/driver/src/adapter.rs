//! What each adapter's client has besides sending, written and documented once.

/// How it begins, and its methods that are the driver's: `async`, or blocking.
#[doc(hidden)]
#[macro_export]
macro_rules! client_methods {
    ($self:ident => $driver:expr, $builder:ident, $error:ty $(, $async:ident)?) => {
        /// Returns a builder of a client that logs in at this provider with these credentials.
        pub fn builder(
            provider: $crate::simacan_auth::Provider,
            credentials: impl Into<$crate::CredentialsSource>,
        ) -> $builder {
            $builder::new(provider, credentials)
        }

        /// Replaces the credentials. Other ones end a [`Denied::Rejected`]($crate::simacan_auth::Denied::Rejected) at
        /// once.
        pub fn set_credentials(&$self, credentials: $crate::simacan_auth::Credentials) {
            $driver.set_credentials(credentials);
        }

        /// Lets the password that was refused be sent once more, since it is valid now: an account was unlocked, say.
        pub fn retry_refused(&$self) {
            $driver.retry_refused();
        }

        /// Logs in, if there is no token yet. The first request does the same; call this at the start to learn at
        /// once that the password is wrong.
        pub $($async)? fn log_in(&$self) -> Result<$crate::simacan_auth::Status, $error> {
            $crate::wait!($($async)? $driver, log_in()).map_err($crate::Error::cast)
        }

        /// Returns the bearer token for `uri`, for what this client does not send: a WebSocket, an MQTT client, a
        /// vendor's SDK. See [`Driver::bearer`]($crate::Driver::bearer).
        pub $($async)? fn bearer(&$self, uri: &$crate::http::Uri) -> Result<$crate::Bearer, $error> {
            $crate::wait!($($async)? $driver, bearer(uri)).map_err($crate::Error::cast)
        }

        /// Reports whether the target accepted a bearer token, and returns the token to use next. See
        /// [`Driver::report`]($crate::Driver::report).
        pub $($async)? fn report(
            &$self,
            bearer: $crate::Bearer,
            outcome: $crate::BearerOutcome,
        ) -> Result<$crate::Bearer, $error> {
            $crate::wait!($($async)? $driver, report(bearer, outcome)).map_err($crate::Error::cast)
        }

        /// Waits until nothing is under way and the session is saved, for a program that is about to end. Returns
        /// `false` if that takes longer than `timeout`.
        pub $($async)? fn settle(&$self, timeout: ::std::time::Duration) -> bool {
            $crate::wait!($($async)? $driver, settle(timeout))
        }

        /// Logs out: forgets the tokens, here and in the store, so that no other process refreshes them, and revokes
        /// them if the provider has a [revocation
        /// endpoint]($crate::simacan_auth::ProviderBuilder::revocation_endpoint). Returns `false` if that takes
        /// longer than `timeout`. The next request logs in again.
        pub $($async)? fn forget(&$self, timeout: ::std::time::Duration) -> bool {
            $crate::wait!($($async)? $driver, forget(timeout))
        }

        /// Returns the state of the session: logged in, refreshing, rejected and so on.
        pub fn status(&$self) -> $crate::simacan_auth::Status {
            $driver.status()
        }

        /// Returns the health of the session: whether a token can be used now, and if not, why not and until when.
        /// For a page or a probe; starts nothing. See [`Driver::health`]($crate::Driver::health).
        pub fn health(&$self) -> Result<$crate::simacan_auth::Health, $error> {
            $driver.health().map_err($crate::Error::cast)
        }

        /// Returns the driver that keeps the session. With the feature `tower` (of `simacan-auth-driver`) it has a
        /// layer for clients of `http` requests.
        pub fn driver(&$self) -> &$crate::Driver {
            &$driver
        }
    };
}

/// For a future: in an `async` method, or blocking.
#[doc(hidden)]
#[macro_export]
macro_rules! wait {
    (async $driver:expr, $($call:tt)*) => {
        $driver.$($call)*.await
    };
    ($driver:expr, $($call:tt)*) => {
        $driver.block_on($driver.$($call)*)
    };
}

/// A builder's way around its client.
#[doc(hidden)]
#[macro_export]
macro_rules! exchange_with {
    ($self:ident => $settings:expr) => {
        /// Sets the function that makes the exchanges with the auth endpoint, in place of the adapter's client: for a
        /// transport of your own, or for tests without a socket (`Emulator::exchange` of `simacan-auth-emulator`).
        ///
        /// The function returns the answer, read to its end, whatever the status. It blocks, and runs in a thread of
        /// the driver. It must follow no redirect, send nothing twice, and give up within the
        /// [time-out](Self::exchange_timeout). If nothing was sent, it returns
        /// [`TransportFailure::not_sent`]($crate::simacan_auth::TransportFailure::not_sent).
        pub fn exchange_with(
            mut $self,
            exchange: impl Fn(
                $crate::http::Request<$crate::simacan_auth::RequestBody>,
            ) -> Result<
                $crate::http::Response<$crate::simacan_auth::ResponseBody>,
                $crate::simacan_auth::TransportFailure,
            > + Send
            + Sync
            + 'static,
        ) -> Self {
            $settings.exchange = Some(Box::new(exchange));
            $self
        }
    };
}

/// Prints this field of it; the others are the user's.
#[doc(hidden)]
#[macro_export]
macro_rules! debug {
    ($type:ident . $field:ident) => {
        impl ::std::fmt::Debug for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct(stringify!($type))
                    .field(stringify!($field), &self.$field)
                    .finish_non_exhaustive()
            }
        }
    };
}
