#pragma once
// AnswerCache: the response cache as the desktop's chats use it. A question is looked up before the
// engine is asked, and a whole answer is kept. Which questions may be answered from there is a
// setting: those that would be answered alike again (seeded or greedy), all, or none. GUI thread.

#include "app/engine_host.h"
#include "app/history/response_cache.h"

namespace app {

class Settings;

class AnswerCache : public QObject {
    Q_OBJECT

  public:
    /// What a look-up found. An empty key: not to be cached.
    struct Found {
        QByteArray key;
        EngineHost::ModelInfo model; ///< the key is of
        std::optional<CachedAnswer> answer;
    };
    using Answer = std::function<void(const Found&)>;

    /// All arguments outlive it.
    AnswerCache(EngineHost& host, ResponseCache& cache, const Settings& settings,
                QObject* parent = nullptr);

    /// `isRepeatable`: seeded or greedy. `mayGive` false: only the key is wanted, the answer is to
    /// be computed. Answers once, perhaps before it returns, unless the receiver goes first.
    void lookUp(EngineHost::MakeRequest make, bool isRepeatable, bool mayGive, QObject* receiver,
                Answer answer);
    /// Keeps the whole answer to what was looked up, unless another model may have given it.
    void keep(const Found& found, const CachedAnswer& answer);

  private:
    bool isAllowed(bool isRepeatable) const;

    EngineHost& m_host;
    ResponseCache& m_cache;
    const Settings& m_settings;
};

} // namespace app
