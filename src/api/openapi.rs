//! All routes in one place, the OpenAPI document made of the same list, and a page of it for people.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    Extension, Json,
    response::{Html, IntoResponse},
};
use utoipa::{
    OpenApi,
    openapi::{
        Components, ContentBuilder, HttpMethod, OpenApi as Document, Ref, RefOr, ResponseBuilder,
        path::{Operation, PathItem},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    ApiState, alarms, audit, cameras, clips, cockpit, device_socket, devices, escalation, events, export, people,
    probe, problem::ProblemBody, session, sites, system, tokens, view,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Yunti",
        description = "Real-time video analytics for residential compounds. Errors are application/problem+json (RFC 9457). Times are RFC 3339, UTC. Send `Authorization: Bearer yt_…`, or log in by POST /api/v1/session and send its cookie, and with each change its `csrf` in X-Yunti-CSRF.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(ProblemBody))
)]
struct Base;

/// Every route with its place in the document: routes are added only here and only so.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(Base::openapi())
        .routes(routes!(cameras::list, cameras::create))
        .routes(routes!(cameras::one, cameras::change, cameras::remove))
        .routes(routes!(probe::probe))
        .routes(routes!(view::snapshot))
        .routes(routes!(view::live))
        .routes(routes!(devices::list, devices::create))
        .routes(routes!(devices::one, devices::change, devices::remove))
        .routes(routes!(devices::rotate))
        .routes(routes!(device_socket::connect))
        .routes(routes!(alarms::list))
        .routes(routes!(export::csv))
        .routes(routes!(alarms::one))
        .routes(routes!(alarms::acknowledge))
        .routes(routes!(alarms::resolve))
        .routes(routes!(alarms::false_alarm))
        .routes(routes!(alarms::snapshot))
        .routes(routes!(clips::clip))
        .routes(routes!(events::watch))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(session::setup_state, session::set_up))
        .routes(routes!(session::current, session::log_in, session::log_out))
        .routes(routes!(session::change_password))
        .routes(routes!(people::list, people::create))
        .routes(routes!(people::one, people::change, people::remove))
        .routes(routes!(sites::list, sites::create))
        .routes(routes!(escalation::show, escalation::put))
        .routes(routes!(sites::one, sites::change, sites::remove))
        .routes(routes!(audit::list))
        .routes(routes!(system::pipelines))
        .routes(routes!(system::models))
        .routes(routes!(system::stats))
        .routes(routes!(cockpit::cockpit))
        .routes(routes!(system::system))
        .routes(routes!(system::metrics))
        .routes(routes!(system::live))
        .routes(routes!(system::ready))
        .routes(routes!(json))
        .routes(routes!(page))
}

/// The whole document, as it is served.
#[must_use]
pub fn document() -> Document {
    complete(routes().into_openapi())
}

/// Adds what every route has: the token, and problems.
pub(super) fn complete(mut document: Document) -> Document {
    let scheme = SecurityScheme::Http(
        HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API token, `yt_…`; for /api/v1/devices/ws a device's token, `yd_…`"))
            .build(),
    );
    document.components.get_or_insert_with(Components::new).add_security_scheme("token", scheme);
    let problem = ResponseBuilder::new()
        .description("What went wrong and what to do")
        .content(
            "application/problem+json",
            ContentBuilder::new().schema(Some(RefOr::Ref(Ref::from_schema_name("Problem")))).build(),
        )
        .build();
    for item in document.paths.paths.values_mut() {
        for operation in operations_mut(item) {
            operation.responses.responses.insert("default".to_owned(), RefOr::T(problem.clone()));
            if operation.security.is_none() {
                operation.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
            }
        }
    }
    document
}

fn operations_mut(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.patch, &mut item.put, &mut item.delete].into_iter().flatten()
}

fn operations(item: &PathItem) -> impl Iterator<Item = (HttpMethod, &Operation)> {
    [
        (HttpMethod::Get, &item.get),
        (HttpMethod::Post, &item.post),
        (HttpMethod::Patch, &item.patch),
        (HttpMethod::Put, &item.put),
        (HttpMethod::Delete, &item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.as_ref().map(|operation| (method, operation)))
}

#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "system", security(()),
    responses((status = 200, description = "This document", body = Object)))]
async fn json(Extension(document): Extension<Arc<Document>>) -> Json<Document> {
    Json(Arc::unwrap_or_clone(document))
}

#[utoipa::path(get, path = "/api/v1/docs", tag = "system", security(()),
    responses((status = 200, description = "This document for people", content_type = "text/html", body = String)))]
async fn page(Extension(document): Extension<Arc<Document>>) -> impl IntoResponse {
    Html(html(&document))
}

fn html(document: &Document) -> String {
    let mut rows = String::new();
    for (path, item) in &document.paths.paths {
        for (method, operation) in operations(item) {
            let method = match method {
                HttpMethod::Post => "POST",
                HttpMethod::Patch => "PATCH",
                HttpMethod::Put => "PUT",
                HttpMethod::Delete => "DELETE",
                _ => "GET",
            };
            let about = operation.responses.responses.iter().find_map(|(status, response)| match response {
                RefOr::T(response) if status != "default" => Some(response.description.as_str()),
                _ => None,
            });
            let about = about.unwrap_or_default().replace('&', "&amp;").replace('<', "&lt;");
            // Writing to a String cannot fail.
            let _ = writeln!(rows, "<tr><td>{method}<td><code>{path}</code><td>{about}");
        }
    }
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Yunti API</title>\
         <h1>Yunti API</h1>\
         <p>The machine-readable form is <a href=openapi.json>openapi.json</a>. Send <code>Authorization: Bearer yt_…</code>.\
         <table border=1 cellpadding=5>{rows}</table></html>"
    )
}
