"""/v1/radar/early_fraud_warnings"""

from sandbox.lists import listable, retrievable

PATH = "/v1/radar/early_fraud_warnings"

retrievable("radar.early_fraud_warning", PATH)
listable("radar.early_fraud_warning", PATH, "charge", "payment_intent")
