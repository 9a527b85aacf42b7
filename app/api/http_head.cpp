#include "app/api/http_head.h"

#include <algorithm>
#include <array>

namespace app {

namespace {

constexpr std::size_t kLongestTarget = 2048;
// Given twice, each reader may believe another one.
constexpr std::array<std::string_view, 8> kOnlyOnce = {
    "host",         "content-length", "transfer-encoding", "authorization", "origin",
    "content-type", "expect",         "connection"};

HttpFault refuse(std::string message) {
    return {400, std::move(message)};
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lowered(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), lower);
    return result;
}

/// RFC 9110, 5.6.2.
bool isTokenCharacter(char c) {
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
}

bool isToken(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), isTokenCharacter);
}

/// What may stand in a value: visible ASCII, space, tab, and bytes above ASCII.
bool isValueCharacter(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7F) || c == '\t';
}

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

int hexDigit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    const char small = lower(c);
    return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

/// The path of an origin-form target, decoded once. Escapes of control characters, of "/" and of
/// "%" are refused: nothing of ours needs them, and decoded later they would mean something else.
std::optional<std::string> decodedPath(std::string_view target) {
    if (target.empty() || target.front() != '/' || target.size() > kLongestTarget)
        return std::nullopt;
    const std::string_view raw = target.substr(0, target.find_first_of("?#"));
    std::string path;
    for (std::size_t i = 0; i < raw.size(); ++i) {
        char c = raw[i];
        if (c == '%') {
            const int high = i + 2 < raw.size() ? hexDigit(raw[i + 1]) : -1;
            const int low = i + 2 < raw.size() ? hexDigit(raw[i + 2]) : -1;
            if (high < 0 || low < 0)
                return std::nullopt;
            c = static_cast<char>(high * 16 + low);
            if (!isValueCharacter(c) || c == '/' || c == '\\' || c == '%' || c == '\t')
                return std::nullopt;
            i += 2;
        }
        path += c;
    }
    return path;
}

std::optional<HttpFault> readRequestLine(std::string_view line, HttpHead& head) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last)
        return refuse("The request line needs a method, a target and a version.");
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    if (!isToken(method) || method.size() > 16)
        return refuse("The method is no word.");
    if (version != "HTTP/1.1" && version != "HTTP/1.0")
        return HttpFault{505, "Only HTTP/1.1 and HTTP/1.0 are spoken here."};
    if (!std::all_of(target.begin(), target.end(), [](char c) { return c > 0x20 && c < 0x7F; }))
        return refuse("The target holds a character that cannot stand there.");
    const std::optional<std::string> path = decodedPath(target);
    if (!path)
        return refuse("The target is not a plain path.");
    head.method = std::string(method);
    head.path = *path;
    head.minorVersion = version.back() - '0';
    return std::nullopt;
}

std::optional<HttpFault> readHeaderLine(std::string_view line, HttpHead& head) {
    if (line.front() == ' ' || line.front() == '\t')
        return refuse("Folded headers are not taken.");
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !isToken(line.substr(0, colon)))
        return refuse("A header line has no proper name.");
    HttpHeader header{lowered(line.substr(0, colon)), std::string(trimmed(line.substr(colon + 1)))};
    const bool onlyOnce =
        std::find(kOnlyOnce.begin(), kOnlyOnce.end(), header.name) != kOnlyOnce.end();
    if (onlyOnce && head.header(header.name) != nullptr)
        return refuse("The header " + header.name + " is given twice.");
    head.headers.push_back(std::move(header));
    return std::nullopt;
}

/// How long the body is, and whether the connection goes on.
std::optional<HttpFault> readFraming(HttpHead& head) {
    const std::string* length = head.header("content-length");
    const std::string* coding = head.header("transfer-encoding");
    if (length != nullptr && coding != nullptr)
        return refuse("Content-Length and Transfer-Encoding cannot stand together.");
    if (coding != nullptr) {
        if (head.minorVersion == 0 || lowered(*coding) != "chunked")
            return refuse("The only Transfer-Encoding taken is chunked.");
        head.chunked = true;
    }
    if (length != nullptr) {
        const bool digits = !length->empty() && length->size() <= 18 &&
                            length->find_first_not_of("0123456789") == std::string::npos;
        if (!digits)
            return refuse("Content-Length is not a number.");
        head.contentLength = std::stoull(*length);
    }
    if (head.minorVersion == 1 && head.header("host") == nullptr)
        return refuse("The header Host is missing.");
    const std::string* connection = head.header("connection");
    const std::string wish = connection != nullptr ? lowered(*connection) : std::string();
    head.keepAlive = head.minorVersion == 1 ? wish.find("close") == std::string::npos
                                            : wish.find("keep-alive") != std::string::npos;
    if (const std::string* expect = head.header("expect")) {
        if (lowered(*expect) != "100-continue")
            return HttpFault{417, "The only Expect taken is 100-continue."};
        head.expectsContinue = true;
    }
    return std::nullopt;
}

} // namespace

std::size_t findHeadEnd(std::string_view bytes, std::size_t from) {
    for (std::size_t at = bytes.find('\n', from); at != std::string_view::npos;
         at = bytes.find('\n', at + 1)) {
        if (at + 1 < bytes.size() && bytes[at + 1] == '\n')
            return at + 2;
        if (at + 2 < bytes.size() && bytes[at + 1] == '\r' && bytes[at + 2] == '\n')
            return at + 3;
    }
    return std::string_view::npos;
}

std::variant<HttpHead, HttpFault> readHead(std::string_view bytes, const ApiLimits& limits) {
    HttpHead head;
    std::size_t lines = 0;
    while (!bytes.empty()) {
        const std::size_t end = bytes.find('\n');
        if (end == std::string_view::npos || end == 0 || bytes[end - 1] != '\r')
            return refuse("Lines end with CR LF.");
        const std::string_view line = bytes.substr(0, end - 1);
        bytes.remove_prefix(end + 1);
        if (!std::all_of(line.begin(), line.end(), isValueCharacter))
            return refuse("A header holds a control character.");
        if (line.empty())
            break;
        if (++lines > limits.headerLines + 1)
            return HttpFault{431, "There are too many headers."};
        if (std::optional<HttpFault> fault =
                lines == 1 ? readRequestLine(line, head) : readHeaderLine(line, head))
            return *fault;
    }
    if (lines == 0)
        return refuse("There is no request line.");
    if (std::optional<HttpFault> fault = readFraming(head))
        return *fault;
    return head;
}

std::optional<std::string> hostName(std::string_view hostHeader) {
    std::string_view name = hostHeader;
    std::string_view rest;
    if (!name.empty() && name.front() == '[') {
        const std::size_t close = name.find(']');
        if (close == std::string_view::npos)
            return std::nullopt;
        rest = name.substr(close + 1);
        name = name.substr(1, close - 1);
    } else if (const std::size_t colon = name.find(':'); colon != std::string_view::npos) {
        rest = name.substr(colon);
        name = name.substr(0, colon);
    }
    const bool portIsWell =
        rest.empty() || (rest.size() > 1 && rest.size() <= 6 && rest.front() == ':' &&
                         rest.find_first_not_of("0123456789", 1) == std::string_view::npos);
    if (name.empty() || !portIsWell)
        return std::nullopt;
    return lowered(name);
}

} // namespace app
