"""Stripe's error bodies: one exception that every handler raises."""

from typing import Any


class StripeError(Exception):
    """An answer other than 2xx.

    `kind` is Stripe's error type; `fields` are further members of the error
    object (decline_code, payment_intent ...).
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        **fields: Any,
    ):
        super().__init__(message)
        self.message, self.status, self.kind = message, status, kind
        self.code, self.param, self.fields = code, param, fields

    def body(self, log_url: str) -> dict:
        error: dict[str, object] = {"message": self.message, "type": self.kind}
        if self.code:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param:
            error["param"] = self.param
        return {"error": error | self.fields | {"request_log_url": log_url}}

    @classmethod
    def invalid(cls, message: str, param: str | None = None, code: str | None = None) -> "StripeError":
        return cls(message, param=param, code=code)

    @classmethod
    def unknown_parameter(cls, name: str) -> "StripeError":
        return cls(f"Received unknown parameter: {name}", param=name, code="parameter_unknown")

    @classmethod
    def missing_parameter(cls, name: str) -> "StripeError":
        return cls(f"Missing required param: {name}.", param=name, code="parameter_missing")

    @classmethod
    def missing(cls, noun: str, id_: str, param: str = "id") -> "StripeError":
        # An id that came in the path answers 404; one that came as a parameter, 400.
        return cls(
            f"No such {noun}: '{id_}'",
            status=404 if param == "id" else 400,
            param=param,
            code="resource_missing",
        )
