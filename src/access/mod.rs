//! Who may do what: roles, permissions, tokens. Pure. Not here: where tokens are kept, HTTP, randomness.

mod token;

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
    /// Read who did what.
    ReadAudit,
}

impl Permission {
    /// All permissions.
    pub const ALL: [Self; 7] = [
        Self::Watch,
        Self::SeePictures,
        Self::ActOnAlarms,
        Self::ManageCameras,
        Self::ManageDevices,
        Self::ManageTokens,
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
            Self::ManageTokens | Self::ReadAudit => Role::Admin,
        }
    }
}

/// Whether `role` may do what `permission` names.
#[must_use]
pub fn allows(role: Role, permission: Permission) -> bool {
    role >= permission.least_role()
}

/// Whether `role` may be told of events of this kind. Kinds about tokens and the audit log are for administrators;
/// everything else is what a viewer may read by REST as well.
#[must_use]
pub fn may_see_event(role: Role, kind: &str) -> bool {
    !(kind.starts_with("token.") || kind.starts_with("audit.")) || allows(role, Permission::ReadAudit)
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

    #[test]
    fn only_an_administrator_sees_events_about_tokens() {
        for (role, kind, seen) in [
            (Role::Viewer, "alarm.raised", true),
            (Role::Integrator, "token.created", false),
            (Role::Admin, "token.created", true),
        ] {
            assert_eq!(may_see_event(role, kind), seen, "{role:?} {kind}");
        }
    }
}
