//! Refusals of the layers below.

use super::Fault;
use crate::deployments::DeploymentError;
use bonafide_core::access::locks::LockError;
use bonafide_core::access::{AssignmentError, RoleError, WrongProof};
use bonafide_core::directory::FullError;
use bonafide_core::lifecycle::{BelowError, DecideError, HostError, TagError};
use bonafide_store::StoreError;
use bonafide_wire::path::PathError;

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooManyOps { .. } | StoreError::TooManyReads { .. } => Self::TooMuchAtOnce,
            StoreError::ValueTooLarge { .. } | StoreError::KeyTooLong { .. } | StoreError::TooDeep { .. } => {
                Self::BodyTooLarge
            }
            other => Self::Store(other),
        }
    }
}

impl From<DeploymentError> for Fault {
    fn from(error: DeploymentError) -> Self {
        Self::Deployment(error)
    }
}

impl From<PathError> for Fault {
    fn from(error: PathError) -> Self {
        Self::PathInvalid(error.to_string())
    }
}

impl From<WrongProof> for Fault {
    fn from(_: WrongProof) -> Self {
        Self::WrongProof
    }
}

impl From<HostError> for Fault {
    fn from(error: HostError) -> Self {
        match error {
            HostError::WrongProof(_) => Self::WrongProof,
            HostError::Store(error) => error.into(),
        }
    }
}

impl From<DecideError> for Fault {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::Proof(_) => Self::WrongProof,
            DecideError::Store(error) => error.into(),
        }
    }
}

impl From<FullError> for Fault {
    fn from(error: FullError) -> Self {
        Self::Full(error)
    }
}

impl From<BelowError> for Fault {
    fn from(error: BelowError) -> Self {
        match error {
            BelowError::Full(error) => Self::Full(error),
            BelowError::Store(error) => error.into(),
        }
    }
}

impl From<LockError> for Fault {
    fn from(error: LockError) -> Self {
        match error {
            LockError::TooMany => Self::TooManyLocks,
            LockError::WrongProof(_) => Self::WrongProof,
            LockError::Store(error) => error.into(),
        }
    }
}

impl From<AssignmentError> for Fault {
    fn from(error: AssignmentError) -> Self {
        match error {
            AssignmentError::Store(error) => error.into(),
            AssignmentError::WrongProof(_) => Self::WrongProof,
            other => Self::Assignment(other),
        }
    }
}

impl From<TagError> for Fault {
    fn from(error: TagError) -> Self {
        match error {
            TagError::WrongProof(_) => Self::WrongProof,
            TagError::Full(error) => Self::Full(error),
            TagError::Store(error) => error.into(),
        }
    }
}

impl From<RoleError> for Fault {
    fn from(error: RoleError) -> Self {
        match error {
            RoleError::Store(error) => error.into(),
            RoleError::WrongProof(_) => Self::WrongProof,
            other => Self::Role(other),
        }
    }
}
