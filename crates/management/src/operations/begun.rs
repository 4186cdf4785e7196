//! The start of an operation, in the transaction of the request that asks for it.

use super::{BadEnd, Failure, OPERATIONS, OnBehalf, Operation, Work};
use crate::command::Call;
use bonafide_store::{StoreError, Tx};
use bonafide_types::{OperationId, SubscriptionId};

/// An operation that a request begins.
#[derive(Debug)]
pub(crate) enum Begun {
    /// Work that the request's own right allowed, to its end.
    Allowed(Work),
    /// Work whose steps are commands of the caller's, each checked like any other.
    OnBehalf(Work),
    /// An operation that failed at once; the request itself was accepted.
    Failed(Failure),
}

impl Begun {
    /// Stores the operation.
    pub(crate) fn store(
        self,
        tx: &mut Tx<'_>,
        call: &Call<'_>,
        subscription: SubscriptionId,
    ) -> Result<OperationId, StoreError> {
        let (now, by) = (call.cx.world.now, &call.command.by);
        let id = OperationId::random(call.cx.world.entropy);
        let (work, on_behalf, failure) = match self {
            Self::Allowed(work) => (work, None, None),
            Self::OnBehalf(work) => (work, Some(OnBehalf::of(by)), None),
            Self::Failed(failure) => (Work::new("done", &()), None, Some(failure)),
        };
        let operation = Operation {
            tenant: by.tenant,
            principal: by.object_id,
            on_behalf,
            work,
            started_at: now,
            ended_at: failure.is_some().then_some(now),
            end: failure.map(BadEnd::Failed),
        };
        tx.create(&OPERATIONS, &(subscription, id), &operation)?;
        Ok(id)
    }
}
