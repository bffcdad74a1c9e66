//! How often each target request was sent.

use std::sync::Arc;

use super::Violation;

#[derive(Clone, Debug, Default)]
pub(super) struct Requests(Vec<Known>);

#[derive(Clone, Debug)]
struct Known {
    process: usize,
    id: Vec<u8>,
    sends: u32,
    /// The token that got a 401.
    refused: Option<Arc<str>>,
}

impl Requests {
    /// The second time only after a 401, and with another token.
    pub(super) fn i7_a_request_goes_out_twice_at_most(
        &mut self,
        process: usize,
        id: &[u8],
        token: &Arc<str>,
    ) -> Result<(), Violation> {
        let is_it = |known: &&mut Known| known.process == process && known.id == id;
        let Some(known) = self.0.iter_mut().find(is_it) else {
            let (id, refused) = (id.to_vec(), None);
            self.0.push(Known {
                process,
                id,
                sends: 1,
                refused,
            });
            return Ok(());
        };
        known.sends += 1;
        if known.sends > 1 + u32::from(known.refused.is_some()) {
            let sends = known.sends;
            return Violation::found(7, format!("a request is sent {sends} times"));
        }
        if known.refused.as_ref() == Some(token) {
            return Violation::found(7, "a retry goes out with the token that got the 401");
        }
        Ok(())
    }

    /// With the token that got a 401, if it did. Otherwise its number may be another's.
    pub(super) fn answered(&mut self, process: usize, id: &[u8], refused: Option<&Arc<str>>) {
        self.0.retain_mut(|known| {
            let is_it = known.process == process && known.id == id;
            if is_it && refused.is_some() {
                known.refused = refused.cloned();
            }
            !is_it || (refused.is_some() && known.sends < 2)
        });
    }
}
