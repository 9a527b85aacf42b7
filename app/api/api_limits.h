#pragma once
// ApiLimits: what one client may take of the API. Every figure bounds memory or time; all of them
// together are why a slow or a hostile client is nobody else's trouble.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace app {

struct ApiLimits {
    using Duration = std::chrono::milliseconds;

    std::size_t connections = 1024;       ///< a new one takes the place of the idlest
    std::size_t header_bytes = 16 << 10;  ///< request line and headers
    std::size_t headerLines = 100;        ///< headers of one request
    std::size_t body_bytes = 8 << 20;     ///< of one request
    std::size_t bodyValues = 200'000;     ///< JSON values in one body
    std::size_t unsent_bytes = 256 << 10; ///< written, not yet taken by the client

    Duration headerTime{10'000};   ///< first byte of a request to the end of its headers
    Duration bodyTime{30'000};     ///< end of the headers to the end of the body
    Duration idleTime{75'000};     ///< between two requests of a connection
    Duration writeTime{15'000};    ///< for the client to take at most 64 KiB
    Duration queueTime{300'000};   ///< until an answer begins to be computed
    Duration requestTime{600'000}; ///< of one answer; what has come by then is the answer
    Duration loadTime{120'000};    ///< a request waits so long for its model
    Duration quietTime{2'000};     ///< after so long in the queue a stream begins with a comment

    std::uint32_t tokens = 32'768; ///< generated for one answer, also when more is asked
    std::uint32_t choices = 16;    ///< answers of one request: prompts times n
};

} // namespace app
