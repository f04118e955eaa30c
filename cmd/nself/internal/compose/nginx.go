package compose

import (
	"fmt"
	"strconv"
	"strings"
	"text/template"
)

// nginxValues are the words that vary in Nginx's configuration. All were checked.
type nginxValues struct {
	Root                 bool // Nginx runs as the container's root, who has no capabilities
	TLS                  bool
	Domain, Hasura, Auth string // the domain, and the routes: names under it and paths of the default server
	HTTPSPort            string // what redirects append to the host: empty or :port
}

func (b *builder) nginxValues() nginxValues {
	v := nginxValues{
		Root: strings.HasPrefix(b.nginxUser(), "0:"), TLS: b.tls, Domain: domain(b.p),
		Hasura: b.p.Get("HASURA_ROUTE"), Auth: b.p.Get("AUTH_ROUTE"),
	}
	if port := b.ports["NGINX_HTTPS_PORT"]; port != 443 {
		v.HTTPSPort = ":" + strconv.Itoa(port)
	}
	return v
}

// nginxUser is who can read the key, mode 0600: its owner. In a rootless engine that is the containers' root.
func (b *builder) nginxUser() string {
	if b.o.Rootless {
		return "0:0"
	}
	return fmt.Sprintf("%d:%d", b.o.UID, b.o.GID)
}

// nginxTemplate is /etc/nginx/nginx.conf. Names of upstreams are in variables, so that they are resolved when a
// request comes: a container that was made anew has another address.
var nginxTemplate = template.Must(template.New("nginx.conf").Parse(`
{{- if .Root}}user root root;
{{end -}}
worker_processes 1;
pid /tmp/nginx.pid;
error_log stderr warn;

events {
	worker_connections 512;
}

http {
	access_log off;
	server_tokens off;
	client_max_body_size 20m;
	client_body_temp_path /tmp/client_body;
	proxy_temp_path /tmp/proxy;
	fastcgi_temp_path /tmp/fastcgi;
	uwsgi_temp_path /tmp/uwsgi;
	scgi_temp_path /tmp/scgi;

	resolver 127.0.0.11 valid=5s ipv6=off;
	proxy_http_version 1.1;
	proxy_connect_timeout 5s;
	proxy_read_timeout 3600s; # subscriptions
	proxy_set_header Host $http_host;
	proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
	proxy_set_header X-Forwarded-Proto $scheme;
	proxy_set_header Upgrade $http_upgrade;
	proxy_set_header Connection $connection_upgrade;
	map $http_upgrade $connection_upgrade {
		default upgrade;
		"" "";
	}
{{- if .TLS}}

	ssl_certificate /etc/ssl/nself/server.crt;
	ssl_certificate_key /etc/ssl/nself/server.key;
	ssl_protocols TLSv1.2 TLSv1.3;
	ssl_session_cache shared:tls:1m;

	server {
		listen 80 default_server;
		location = /health {
			default_type text/plain;
			return 200 "ok\n";
		}
		location / {
			return 308 https://$host{{.HTTPSPort}}$request_uri;
		}
	}
{{- end}}
{{- $listen := "80"}}{{if .TLS}}{{$listen = "443 ssl"}}{{end}}

	server {
		listen {{$listen}} default_server;
		location = /health {
			default_type text/plain;
			return 200 "ok\n";
		}
		location /{{.Hasura}}/ {
			set $upstream http://hasura:8080;
			rewrite ^/{{.Hasura}}/(.*)$ /$1 break;
			proxy_pass $upstream;
		}
		location /{{.Auth}}/ {
			set $upstream http://auth:4000;
			rewrite ^/{{.Auth}}/(.*)$ /$1 break;
			proxy_pass $upstream;
		}
		location / {
			return 404;
		}
	}

	server {
		listen {{$listen}};
		server_name {{.Hasura}}.{{.Domain}};
		location / {
			set $upstream http://hasura:8080;
			proxy_pass $upstream;
		}
	}

	server {
		listen {{$listen}};
		server_name {{.Auth}}.{{.Domain}};
		location / {
			set $upstream http://auth:4000;
			proxy_pass $upstream;
		}
	}
}
`))
