//! Devices: register (the token is shown once), list, change, remove, a new token. Not here: their socket.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    ApiState,
    caller::{Caller, ManageDevices, Watch},
    extract::{self, Body, Id, IfMatch, etag, given},
    problem::Problem,
    sites, time,
    tokens::random,
};
use crate::{
    access::{DeviceKey, TokenHash},
    base::{DeviceId, SiteId, clock},
    device::{Control, DeviceKind},
    flow::control::DeviceStatus,
    store::{DeviceRecord, Named, NewEvent, Write},
};

/// A device to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDevice)]
pub(super) struct NewDeviceWire {
    /// 1 to 100 characters.
    name: String,
    /// `lift`, `voice`, `light` or `gate`.
    kind: String,
    /// Lifts only. `A` (the default): alarms only, never stopped. `B`: may be asked to stay at a landing, installed with
    /// the lift maintainer's consent.
    control: Option<String>,
    /// The slug of its site; a new one makes the site.
    site: Option<String>,
    /// 1 to 100 characters.
    building: Option<String>,
}

/// Changes to a device: what is left out stays. Its kind cannot change: register another.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeviceChange)]
#[expect(clippy::option_option, reason = "left out and null differ in a PATCH")]
pub(super) struct DeviceChangeWire {
    name: Option<String>,
    control: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    site: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    building: Option<Option<String>>,
}

/// A device: what is registered, and what it last said of itself.
#[derive(Serialize, ToSchema)]
#[schema(as = Device)]
pub(super) struct DeviceWire {
    id: String,
    name: String,
    kind: &'static str,
    /// `A` or `B`; lifts only.
    control: Option<&'static str>,
    site: Option<String>,
    building: Option<String>,
    /// Also the `ETag`.
    version: u64,
    created_at: String,
    updated_at: String,
    online: bool,
    /// Connected or gone since then; null when it never connected since the server started.
    since: Option<String>,
    vendor: Option<String>,
    model: Option<String>,
    firmware: Option<String>,
    /// Lifts: `normal`, `fire`, `evacuation`, `inspection`, `earthquake`, `emergency_power`, `independent` or `unknown`.
    mode: Option<&'static str>,
    doors: Option<String>,
    floor: Option<String>,
    moving: Option<bool>,
    /// The last word it said of its state, e.g. `holding`.
    state: Option<String>,
}

/// A device with its token, which is shown only now.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedDevice)]
pub(super) struct CreatedWire {
    #[serde(flatten)]
    device: DeviceWire,
    /// For `Authorization: Bearer …` of the device's socket. Shown only now.
    token: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = DeviceToken)]
pub(super) struct TokenWire {
    id: String,
    /// Shown only now.
    token: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = DeviceList)]
pub(super) struct ListWire {
    items: Vec<DeviceWire>,
}

impl DeviceWire {
    fn new(device: &DeviceRecord, status: Option<DeviceStatus>) -> Self {
        let mut wire = Self {
            id: device.id.to_string(),
            name: device.name.clone(),
            kind: device.kind.wire(),
            control: (device.kind == DeviceKind::Lift).then(|| device.control.wire()),
            site: device.site.as_ref().map(ToString::to_string),
            building: device.building.clone(),
            version: device.version,
            created_at: time::text(device.created_at),
            updated_at: time::text(device.updated_at),
            online: false,
            since: None,
            vendor: None,
            model: None,
            firmware: None,
            mode: None,
            doors: None,
            floor: None,
            moving: None,
            state: None,
        };
        if let Some(status) = status {
            wire.online = status.online;
            wire.since = Some(time::text(status.since));
            wire.vendor = status.vendor;
            wire.model = status.model;
            wire.firmware = status.firmware;
            wire.mode = status.mode.map(Named::wire);
            wire.doors = status.doors;
            wire.floor = status.floor;
            wire.moving = status.moving;
            wire.state = status.state;
        }
        wire
    }
}

fn control(kind: DeviceKind, text: Option<&str>) -> Result<Control, Problem> {
    match text {
        None => Ok(Control::AlarmOnly),
        Some(_) if kind != DeviceKind::Lift => Err(Problem::invalid("control", "only a lift has it: leave it out")),
        Some(text) => Control::of_wire(text).ok_or_else(|| {
            Problem::invalid("control", "A (alarms only) or B (may be held, with the lift maintainer's consent)")
        }),
    }
}

fn told(kind: &'static str, device: &DeviceRecord) -> Write {
    let event = NewEvent::new(clock::wall(), kind, json!({ "name": device.name }));
    Write::Event(NewEvent { device: Some(device.id), ..event })
}

fn audited(device: &DeviceRecord) -> Value {
    json!({
        "name": device.name,
        "kind": device.kind.wire(),
        "control": device.control.wire(),
        "site": device.site.as_ref().map(SiteId::as_str),
    })
}

impl ApiState {
    fn device_answer(&self, device: &DeviceRecord) -> Response {
        (etag(device.version), Json(DeviceWire::new(device, self.live.device(device.id)))).into_response()
    }
}

#[utoipa::path(post, path = "/api/v1/devices", tag = "devices", request_body = NewDeviceWire,
    responses((status = 201, description = "Registered; the token is shown only now", body = CreatedWire)))]
pub(super) async fn create(
    caller: Caller<ManageDevices>,
    State(state): State<ApiState>,
    Body(new): Body<NewDeviceWire>,
) -> Result<Response, Problem> {
    let at = clock::wall();
    let kind = DeviceKind::of_wire(&new.kind)
        .ok_or_else(|| Problem::invalid("kind", format!("one of {}", DeviceKind::all_names())))?;
    let site = new.site.as_deref().map(sites::slug).transpose()?;
    caller.may_put(site.as_ref())?;
    let key = DeviceKey::new(DeviceId::fresh(), &random()?);
    let device = DeviceRecord {
        id: key.id,
        name: extract::text("name", &new.name, 100)?,
        kind,
        control: control(kind, new.control.as_deref())?,
        site,
        building: new.building.as_deref().map(|text| extract::text("building", text, 100)).transpose()?,
        token: TokenHash::of(&key.secret),
        version: 1,
        created_at: at,
        updated_at: at,
    };
    let also = vec![caller.audit("device.create", &device.id, audited(&device)), told("device.added", &device)];
    state.store.insert_device(device.clone(), also).await?;
    state.live.device_changed(device.id).await?;
    let location = [(header::LOCATION, format!("/api/v1/devices/{}", device.id))];
    let body = CreatedWire {
        device: DeviceWire::new(&device, state.live.device(device.id)),
        token: key.text().expose().to_owned(),
    };
    Ok((StatusCode::CREATED, location, etag(device.version), Json(body)).into_response())
}

#[utoipa::path(get, path = "/api/v1/devices", tag = "devices",
    responses((status = 200, description = "Every device at the caller's sites, oldest first", body = ListWire)))]
pub(super) async fn list(caller: Caller<Watch>, State(state): State<ApiState>) -> Result<Json<ListWire>, Problem> {
    let (devices, sites) = (state.store.devices().await?, caller.sites());
    let seen = devices.iter().filter(|device| sites.contains(device.site.as_ref()));
    let items = seen.map(|device| DeviceWire::new(device, state.live.device(device.id)));
    Ok(Json(ListWire { items: items.collect() }))
}

#[utoipa::path(get, path = "/api/v1/devices/{id}", tag = "devices", params(("id" = String, Path)),
    responses((status = 200, description = "The device; its ETag is for If-Match", body = DeviceWire)))]
pub(super) async fn one(
    caller: Caller<Watch>,
    State(state): State<ApiState>,
    Id(id): Id<DeviceId>,
) -> Result<Response, Problem> {
    let device = caller.device(&state, id).await?;
    Ok(state.device_answer(&device))
}

#[utoipa::path(patch, path = "/api/v1/devices/{id}", tag = "devices",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "the ETag you read; 412 if it was changed since")),
    request_body = DeviceChangeWire,
    responses((status = 200, description = "Changed", body = DeviceWire)))]
pub(super) async fn change(
    caller: Caller<ManageDevices>,
    State(state): State<ApiState>,
    Id(id): Id<DeviceId>,
    seen: IfMatch,
    Body(change): Body<DeviceChangeWire>,
) -> Result<Response, Problem> {
    let mut device = caller.device(&state, id).await?;
    seen.check(device.version)?;
    if let Some(name) = change.name {
        device.name = extract::text("name", &name, 100)?;
    }
    if let Some(text) = change.control {
        device.control = control(device.kind, Some(&text))?;
    }
    if let Some(building) = change.building {
        device.building = building.as_deref().map(|text| extract::text("building", text, 100)).transpose()?;
    }
    if let Some(site) = change.site {
        device.site = site.as_deref().map(sites::slug).transpose()?;
        caller.may_put(device.site.as_ref())?;
    }
    device.updated_at = clock::wall();
    let also = vec![caller.audit("device.change", &id, audited(&device)), told("device.changed", &device)];
    let kept = state.store.update_device(device, also).await.map_err(|error| seen.conflict(error))?;
    state.live.device_changed(id).await?;
    Ok(state.device_answer(&kept))
}

#[utoipa::path(delete, path = "/api/v1/devices/{id}", tag = "devices",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "the ETag you read; 412 if it was changed since")),
    responses((status = 204, description = "Removed from the registry and from every camera's list; its socket is closed")))]
pub(super) async fn remove(
    caller: Caller<ManageDevices>,
    State(state): State<ApiState>,
    Id(id): Id<DeviceId>,
    IfMatch(version): IfMatch,
) -> Result<StatusCode, Problem> {
    let device = caller.device(&state, id).await?;
    let cameras = state.store.cameras().await?;
    let also = vec![caller.audit("device.remove", &id, audited(&device)), told("device.removed", &device)];
    state.store.delete_device(id, version, also).await?;
    state.live.device_changed(id).await?;
    for camera in cameras.iter().filter(|camera| camera.devices.contains(&id)) {
        state.live.camera_changed(camera.id).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(post, path = "/api/v1/devices/{id}/token", tag = "devices", params(("id" = String, Path)),
    responses((status = 200, description = "A new token, shown only now; the old one opens nothing from now on, and the connection that it opened is ended", body = TokenWire)))]
pub(super) async fn rotate(
    caller: Caller<ManageDevices>,
    State(state): State<ApiState>,
    Id(id): Id<DeviceId>,
) -> Result<Json<TokenWire>, Problem> {
    let mut device = caller.device(&state, id).await?;
    let key = DeviceKey::new(id, &random()?);
    device.token = TokenHash::of(&key.secret);
    device.updated_at = clock::wall();
    let also = vec![caller.audit("device.token", &id, json!({ "name": device.name }))];
    state.store.update_device(device, also).await.map_err(|error| IfMatch(None).conflict(error))?;
    state.live.device_cut(id).await?;
    Ok(Json(TokenWire { id: id.to_string(), token: key.text().expose().to_owned() }))
}
