//! What each adapter's client has besides sending, written and documented once.

/// How it begins, and its methods that are the driver's, given where it has that.
#[doc(hidden)]
#[macro_export]
macro_rules! client_methods {
    ($self:ident => $driver:expr, $builder:ident) => {
        /// Starts with where to log in and as whom.
        pub fn builder(
            provider: $crate::simacan_auth::Provider,
            credentials: $crate::simacan_auth::Credentials,
        ) -> $builder {
            $builder::new(provider, credentials)
        }

        /// Other credentials: the only thing that ends a
        /// [`Denied::Rejected`]($crate::simacan_auth::Denied::Rejected).
        pub fn set_credentials(&$self, credentials: $crate::simacan_auth::Credentials) {
            $driver.set_credentials(credentials);
        }

        /// What the session is doing.
        pub fn status(&$self) -> $crate::simacan_auth::Status {
            $driver.status()
        }

        /// What keeps the session. With the feature `tower` of `simacan-auth-driver` it has a layer for what sends
        /// `http` requests.
        pub fn driver(&$self) -> &$crate::Driver {
            &$driver
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
