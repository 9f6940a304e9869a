-- What a browser sends; path, cookie and id are never the same twice, so no proxy can remember them.
dofile((os.getenv("BENCH_CONF") or ".") .. "/report.lua")
local count, run = 0, "0"
local first = "GET /shows/%s-%d?sort=price&page=2 HTTP/1.1\r\n"
  .. "Host: shop.example.org\r\n"
  .. "Connection: keep-alive\r\n"
  .. 'sec-ch-ua: "Chromium";v="130", "Not?A_Brand";v="99"\r\n'
  .. "sec-ch-ua-mobile: ?0\r\n"
  .. "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n"
  .. "Accept: application/json, text/plain, */*\r\n"
  .. "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n"
  .. "Referer: https://shop.example.org/shows\r\n"
  .. "Accept-Encoding: gzip, deflate, br, zstd\r\n"
  .. "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"
  .. "Cookie: session=%s5f0c6ad1b2%08x; theme=dark\r\n"
  .. "X-Request-Id: %s-%08x\r\n\r\n"
local format = string.format

function init(args)
  run = args[1] or "0"
end

function request()
  count = count + 1
  return format(first, run, count, run, count, run, count)
end
