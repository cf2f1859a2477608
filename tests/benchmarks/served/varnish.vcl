vcl 4.1;

# No more than its built-in rules: what the origin says is what is cached, and for how long.
backend origin {
    .host = "127.0.0.1";
    .port = "$origin";
}
