using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "internet", network = (allow = ["public", "private", "local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const main :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.js")],
  compatibilityDate = "2026-01-01",
  # the client lives as long as the process
  durableObjectNamespaces = [(className = "Holder", uniqueKey = "holder", preventEviction = true)],
  durableObjectStorage = (inMemory = void),
  bindings = [(name = "HOLDER", durableObjectNamespace = "Holder")],
);
