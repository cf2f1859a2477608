# Varnish between nginx and the web processes. EVERGREEN_CDN=varnish://host:6081 makes a worker purge it (docs/cdn.md). It
# needs varnish-modules. One backend for each host of web processes.
vcl 4.1;

import directors;
import std;
import xkey;

# Liveness: a site that can serve stale pages without its database gets requests.
probe alive {
    .request =
        "GET /healthz HTTP/1.1"
        "Host: evergreen"
        "Connection: close";
    .interval = 500ms;
    # Sick after four failures of five: a host that is only busy keeps its readers.
    .timeout = 2s;
    .window = 5;
    .threshold = 2;
    .initial = 1;
}

backend web1 {
    .host = "127.0.0.1";
    .port = "8000";
    .probe = alive;
    .connect_timeout = 1s;
    .first_byte_timeout = 30s;
    .between_bytes_timeout = 10s;
    .max_connections = 500;
}

backend web2 {
    .host = "127.0.0.2";
    .port = "8000";
    .probe = alive;
    .connect_timeout = 1s;
    .first_byte_timeout = 30s;
    .between_bytes_timeout = 10s;
    .max_connections = 500;
}

# The hosts that run a Celery worker.
acl workers {
    "127.0.0.1";
    "::1";
}

# nginx, which has replaced X-Forwarded-For of clients.
acl proxies {
    "127.0.0.1";
    "::1";
}

sub vcl_init {
    # Spreads requests, and knows which host is next if the first one fails.
    new web = directors.shard();
    web.add_backend(web1);
    web.add_backend(web2);
    web.reconfigure();
}

sub vcl_recv {
    if (!req.http.X-Request-ID) {
        set req.http.X-Request-ID = req.xid;
    }
    set req.backend_hint = web.backend(by=KEY, key=web.key(req.http.X-Request-ID));
    if (std.healthy(req.backend_hint)) {
        # Of the day for which pages are stored for the case that no host is healthy.
        set req.grace = 10m;
    }
    if (req.method == "PURGE") {
        # Through nginx a client has the address of nginx.
        if (client.ip !~ workers || req.http.X-Forwarded-For ~ ",") {
            return (synth(403));
        }
        if (req.http.xkey-purge) {
            return (synth(200, "Gone: " + xkey.purge(req.http.xkey-purge)));
        }
        if (req.http.xkey-softpurge) {
            return (synth(200, "Stale: " + xkey.softpurge(req.http.xkey-softpurge)));
        }
        return (synth(400));
    }
    if (client.ip !~ proxies) {
        return (synth(403));
    }
    if (req.http.Upgrade ~ "(?i)^websocket$" && req.url ~ "^/ops/(live|presence)/") {
        return (pipe);
    }
    # Without a session a request is anonymous; the form of comments has a cookie of its own.
    if (req.url !~ "^/(admin|ops|posts/[^/]+/comment)/" && req.http.Cookie !~ "(^|;\s*)sessionid=") {
        unset req.http.Cookie;
    }
}

sub vcl_pipe {
    set bereq.http.Upgrade = req.http.Upgrade;
    set bereq.http.Connection = "upgrade";
}

sub vcl_backend_fetch {
    set bereq.backend = web.backend(by=KEY, key=web.key(bereq.http.X-Request-ID), alt=bereq.retries);
    set bereq.first_byte_timeout = 30s;
    # Pages take milliseconds. A host that hangs keeps a reader waiting this long; then another one gets the request.
    if (bereq.retries == 0 && (bereq.method == "GET" || bereq.method == "HEAD") && bereq.url !~ "^/(admin|ops|api/v1/ops)/") {
        set bereq.first_byte_timeout = 800ms;
    }
}

sub vcl_backend_error {
    # Refused, reset or silent. A form is never sent twice.
    if (bereq.retries == 0 && (bereq.method == "GET" || bereq.method == "HEAD")) {
        return (retry);
    }
}

sub vcl_backend_response {
    if (beresp.status >= 500 && bereq.is_bgfetch) {
        # The stale page stays.
        return (abandon);
    }
    if (beresp.http.CDN-Cache-Control ~ "(?i)max-age=[0-9]") {
        # Varnish itself reads Cache-Control alone. Its ttl is the remaining lifetime.
        set beresp.ttl =
            std.duration(regsub(beresp.http.CDN-Cache-Control, "(?i)^.*max-age=([0-9]+).*$", "\1s"), 0s) -
            std.duration(beresp.http.Age + "s", 0s);
        set beresp.grace = 0s;
        if (beresp.http.CDN-Cache-Control ~ "(?i)stale-if-error=[0-9]") {
            set beresp.grace = std.duration(
                regsub(beresp.http.CDN-Cache-Control, "(?i)^.*stale-if-error=([0-9]+).*$", "\1s"), 0s);
        } elsif (beresp.http.CDN-Cache-Control ~ "(?i)stale-while-revalidate=[0-9]") {
            set beresp.grace = std.duration(
                regsub(beresp.http.CDN-Cache-Control, "(?i)^.*stale-while-revalidate=([0-9]+).*$", "\1s"), 0s);
        }
        if (beresp.http.Content-Type ~ "^text/html") {
            # Whole before its first byte is sent: if the host dies meanwhile, the request can be sent to another.
            set beresp.do_stream = false;
        }
    }
    if (beresp.http.CDN-Cache-Control ~ "(?i)no-store" || (beresp.http.CDN-Cache-Control && beresp.ttl <= 0s)) {
        # Not cacheable: for a second no request waits for the next response either.
        set beresp.uncacheable = true;
        set beresp.ttl = 1s;
        set beresp.grace = 0s;
    }
    if (beresp.http.CDN-Cache-Control) {
        return (deliver);
    }
}

sub vcl_deliver {
    unset resp.http.xkey;
    unset resp.http.CDN-Cache-Control;
}
