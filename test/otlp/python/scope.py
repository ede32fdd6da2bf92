NAME = "checkout"
VERSION = "1.2.3"
SCHEMA_URL = "https://schemas.test/scope/1"
ATTRIBUTES = {"scope.part": "basket"}
