"""/v1/billing_portal: configurations and sessions"""

from sandbox.errors import StripeError
from sandbox.lists import listable, retrievable
from sandbox.objects import plain, put_fields, put_metadata
from sandbox.routing import Call, route

CONFIGURATIONS = "/v1/billing_portal/configurations"
KIND = "billing_portal.configuration"

retrievable(KIND, CONFIGURATIONS, "configuration")
listable(KIND, CONFIGURATIONS, "active", "is_default")


def default(world) -> dict:
    """The configuration a session gets when none is named; made when first needed."""
    for found in world.store.all(KIND):
        if found["is_default"]:
            return found
    made = world.make(KIND, is_default=True)
    made["updated"] = made["created"]
    return made


@route("POST", CONFIGURATIONS)
def create(call: Call) -> dict:
    made = call.world.make(KIND)
    made["updated"] = made["created"]
    _write(made, call.params)
    call.world.emit("billing_portal.configuration.created", made)
    return made


def _write(made: dict, params: dict) -> None:
    put_fields(made, params, "active", "default_return_url", "name")
    put_metadata(made, params)
    made["business_profile"] |= params.get("business_profile") or {}
    for name, given in (params.get("features") or {}).items():
        _merge(made["features"][name], given)
    for product in made["features"]["subscription_update"]["products"] or ():
        product["adjustable_quantity"] = {"enabled": False, "minimum": 1, "maximum": None} | (product.get("adjustable_quantity") or {})
    conditions = made["features"]["subscription_update"].get("schedule_at_period_end")
    if conditions is not None:
        conditions.setdefault("conditions", [])


def _merge(feature: dict, given: dict) -> None:
    for key, value in given.items():
        if isinstance(value, dict) and isinstance(feature.get(key), dict):
            _merge(feature[key], value)
        else:
            feature[key] = plain(value)


@route("POST", CONFIGURATIONS + "/{id}")
def update(call: Call) -> dict:
    made = call.world.need(KIND, call.id, "configuration")
    with call.world.changing(made, "billing_portal.configuration.updated"):
        _write(made, call.params)
        made["updated"] = call.world.now()
    return made


@route("POST", "/v1/billing_portal/sessions")
def create_session(call: Call) -> dict:
    world, params = call.world, call.params
    if not params.get("customer"):
        raise StripeError.missing_parameter("customer")
    customer = world.need("customer", params["customer"], "customer", "customer")
    if params.get("configuration"):
        configuration = world.need(KIND, params["configuration"], "configuration", "configuration")
    else:
        configuration = default(world)
    session = world.make(
        "billing_portal.session", of=customer, customer=customer["id"], configuration=configuration["id"],
        return_url=params.get("return_url") or configuration["default_return_url"], locale=params.get("locale"),
    )  # fmt: skip
    session["url"] = f"{world.base_url}/pages/portal/{session['id']}"
    if params.get("flow_data"):
        session["flow"] = _flow(plain(params["flow_data"]))
    world.emit("billing_portal.session.created", session)
    return session


def _flow(given: dict) -> dict:
    empty = {"subscription_cancel": None, "subscription_update": None, "subscription_update_confirm": None, "subscription_pause": None}
    after = {"type": "portal_homepage", "hosted_confirmation": None, "redirect": None}
    flow = empty | given
    flow["after_completion"] = after | (given.get("after_completion") or {})
    if given.get("subscription_cancel"):
        flow["subscription_cancel"] = {"retention": None} | given["subscription_cancel"]
    return flow
