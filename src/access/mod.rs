//! Who may do what, and where: roles, permissions, grants, tokens, passwords, sessions, limits on log-ins,
//! the audit log's chain. Pure.
//! Not here: where any of them is kept, HTTP, randomness, the clock.

mod chain;
mod grant;
mod limit;
mod password;
pub mod session;
mod token;

pub use chain::{ChainHash, ChainLine};
pub use grant::{Grant, Grants, Sites};
pub use limit::{Attempt, LoginLimits};
pub use password::{PasswordError, PasswordHash, check_password};
pub use token::{Bearer, DeviceKey, PersonKey, TokenError, TokenHash, secret_text};

/// What a caller is; each role may do all that the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Watches: alarms, pictures, states.
    Viewer,
    /// The security room: also acts on alarms.
    Operator,
    /// Installs: also registers cameras and devices.
    Integrator,
    /// Also makes and revokes tokens and reads the audit log.
    Admin,
}

impl Role {
    /// All roles, least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Operator, Self::Integrator, Self::Admin];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Integrator => "integrator",
            Self::Admin => "admin",
        }
    }

    /// The role of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// A thing that one may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// See alarms, events, cameras, devices, models, statistics and metrics.
    Watch,
    /// See pictures of people: snapshots.
    SeePictures,
    /// Acknowledge, resolve, call false.
    ActOnAlarms,
    /// Register, change, remove and probe cameras.
    ManageCameras,
    /// Register, change and remove devices; new device tokens.
    ManageDevices,
    /// Make, list and revoke API tokens.
    ManageTokens,
    /// Add, change and remove people and what they are granted.
    ManagePeople,
    /// Read who did what.
    ReadAudit,
}

impl Permission {
    /// All permissions.
    pub const ALL: [Self; 8] = [
        Self::Watch,
        Self::SeePictures,
        Self::ActOnAlarms,
        Self::ManageCameras,
        Self::ManageDevices,
        Self::ManageTokens,
        Self::ManagePeople,
        Self::ReadAudit,
    ];

    /// The name shown in refusals and in the OpenAPI document.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::SeePictures => "see_pictures",
            Self::ActOnAlarms => "act_on_alarms",
            Self::ManageCameras => "manage_cameras",
            Self::ManageDevices => "manage_devices",
            Self::ManageTokens => "manage_tokens",
            Self::ManagePeople => "manage_people",
            Self::ReadAudit => "read_audit",
        }
    }

    /// The least role that has it.
    #[must_use]
    pub const fn least_role(self) -> Role {
        match self {
            Self::Watch | Self::SeePictures => Role::Viewer,
            Self::ActOnAlarms => Role::Operator,
            Self::ManageCameras | Self::ManageDevices => Role::Integrator,
            Self::ManageTokens | Self::ManagePeople | Self::ReadAudit => Role::Admin,
        }
    }

    /// Whether it concerns the whole server, so that only a grant at every site gives it.
    #[must_use]
    pub const fn is_global(self) -> bool {
        matches!(self, Self::ManageTokens | Self::ManagePeople | Self::ReadAudit)
    }
}

/// Whether `role` may do what `permission` names.
#[must_use]
pub fn allows(role: Role, permission: Permission) -> bool {
    role >= permission.least_role()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_grow_and_nothing_is_open_to_all() {
        for permission in Permission::ALL {
            let allowed: Vec<bool> = Role::ALL.into_iter().map(|role| allows(role, permission)).collect();
            assert!(allowed.is_sorted(), "{permission:?} is lost by a higher role: {allowed:?}");
            assert!(allows(Role::Admin, permission));
        }
        assert!(!allows(Role::Viewer, Permission::ActOnAlarms));
        assert!(!allows(Role::Operator, Permission::ManageCameras));
        assert!(!allows(Role::Integrator, Permission::ManageTokens));
    }

    #[test]
    fn names_read_back() {
        for role in Role::ALL {
            assert_eq!(Role::of_name(role.name()), Some(role));
        }
        assert_eq!(Role::of_name("root"), None);
    }
}
