#pragma once
// CompletionJob: one request to /v1/chat/completions or /v1/completions from its model to its last
// byte. Lives on the I/O thread; templates and tokens are worked out in the pool. When the client
// goes, what the engine computes for it is cancelled at once.

#include "app/api/api_backend.h"
#include "app/api/completion_json.h"
#include "app/api/http_exchange.h"
#include "app/api/sse_sink.h"

#include <memory>
#include <vector>

namespace app {

/// How a job ended, for usage and the log.
struct CompletionOutcome {
    int status = 200;
    std::uint64_t promptTokens = 0;
    std::uint64_t generatedTokens = 0;
    bool fromCache = false;
    bool clientGone = false;
};

class CompletionJob : public std::enable_shared_from_this<CompletionJob> {
  public:
    using Ended = std::function<void(const CompletionOutcome&)>;

    /// `client` names whose caches and quotas count. `ended` is called once, on the I/O thread.
    CompletionJob(CompletionRequest asked, std::string client, ApiBackend& backend,
                  const ApiLimits& limits, std::shared_ptr<HttpExchange> exchange, Ended ended);

    void start();

  private:
    struct Answer {
        std::shared_ptr<SseSink> sink;
        engine::RequestId id = 0; // 0: not with the engine
        CompletionChoice choice;
        QByteArray cacheKey; // empty: not to be cached
        CachedAnswer whole;  // with a cacheKey: what came
        bool opened = false; // its first piece was streamed
    };
    using SharedRequest = std::shared_ptr<engine::Request>;

    void onModel(std::variant<std::shared_ptr<const engine::ModelInfo>, ApiError> model);
    void ask(std::size_t index) const;
    bool mayCache(const engine::Request& request) const;
    void lookUp(std::size_t index, const SharedRequest& request) const;
    void submit(std::size_t index, const SharedRequest& request) const;
    void onSubmitted(std::size_t index, const engine::Result<engine::RequestId>& id);
    void giveCached(std::size_t index, const CachedAnswer& cached);
    void drain();
    void take(std::size_t index, const engine::TokenEvent& event);
    void startStream();
    void tick();
    void endWhenAllHave();
    void fail(const ApiError& error);
    void remember(Answer& answer);
    void onGone();
    void cancelAll();
    void end(int status);

    CompletionRequest m_asked;
    const std::string m_client;
    ApiBackend& m_backend;
    const ApiLimits& m_limits;
    const std::shared_ptr<HttpExchange> m_exchange;
    Ended m_ended;
    const std::uint64_t m_seed; // of all answers, when the client gave none; they differ by number
    std::shared_ptr<const engine::ModelInfo> m_model;
    std::optional<CompletionJson> m_json;
    std::vector<Answer> m_answers;
    bool m_streaming = false; // the head is out
    bool m_quiet = true;      // nothing was sent since the last tick
    bool m_over = false;      // answered, or the client has gone
    bool m_gone = false;
};

} // namespace app
