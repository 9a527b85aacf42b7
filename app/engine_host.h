#pragma once
// EngineHost: the only bridge between Qt and the engine. The engine's threads leave what they have
// in sinks and wake the GUI thread at most once a frame; the GUI thread never waits for them.
// Templates, tokens and hashes are worked out on the app's thread pool.

#include "engine/runtime/engine.h"

#include <functional>
#include <memory>
#include <QElapsedTimer>
#include <QHash>
#include <QObject>
#include <QPointer>
#include <QString>
#include <QThreadPool>
#include <QTimer>

namespace app {

class HostSink;
class HostWaker;
struct LoadBox;

/// What arrived for one reply since the last frame.
struct ReplyUpdate {
    QString reasoning; // to append
    QString text;      // to append
    engine::EventKind phase = engine::EventKind::Queued;
    bool inReasoning = false;
    int queuePosition = 0;        // how many go before it
    qint64 estimatedWait_us = -1; // while it is queued; -1 = not known
    engine::RequestTimings timings;
    engine::FinishReason finish = engine::FinishReason::None; // not None: the last update
    QString stopString;
    engine::Status status; // why it failed
};

/// A request and who asked it.
struct RunningRequest {
    quint64 reply = 0;             // of the desktop; 0 = it is an API client's
    engine::RequestId request = 0; // 0 = not accepted yet
    std::string client;
};

class EngineHost : public QObject {
    Q_OBJECT

  public:
    using ReplyId = quint64; ///< 0 = none
    using ModelInfo = std::shared_ptr<const engine::ModelInfo>;
    /// Runs on the pool, with the model that will answer (null when there is none).
    using MakeRequest = std::function<engine::Request(const ModelInfo&)>;
    using ReplyHandler = std::function<void(const ReplyUpdate&)>;
    using LoadHandler = std::function<void(const engine::LoadEvent&)>;

    static constexpr int kFrame_ms = 16;
    static constexpr std::size_t kMostHeld_bytes = 1 << 20; ///< unread text that ends a reply

    explicit EngineHost(std::unique_ptr<engine::Engine> engine, QObject* parent = nullptr);
    ~EngineHost() override; ///< shutdown()

    /// Asks the engine. The handler gets exactly one update with a finish
    /// reason, unless its receiver goes first. While a model is being loaded and none is there, the
    /// question waits for it.
    ReplyId ask(MakeRequest make, QObject* receiver, ReplyHandler handler);
    void cancel(ReplyId reply);
    void endReasoning(ReplyId reply);
    /// Tokens a request would take; no answer when it cannot be told.
    void countTokens(MakeRequest make, QObject* receiver, std::function<void(int)> answer);

    /// Loads beside what is there; an earlier load that still runs is cancelled and falls silent.
    void load(engine::LoadRequest request, QObject* receiver, LoadHandler handler);
    void cancelLoad();
    bool isLoading() const { return m_load != nullptr; }
    void unload(const engine::ModelKey& model, QObject* receiver, std::function<void()> done);
    /// The same when its last request, of whoever, has ended; it takes no new ones.
    void unloadAfterRunning(const engine::ModelKey& model, QObject* receiver,
                            std::function<void()> done);
    ModelInfo model() const { return m_model; } ///< the one that answers; may be null
    /// Looks whether that one is still there: a load that failed may have cost it its place.
    void forgetGoneModel();
    /// Requests that run or wait on a resident model: of the desktop, and of API clients, who ask
    /// the engine themselves.
    QList<RunningRequest> runningOn(const engine::ModelKey& model) const;
    /// Whose they are: for what the engine itself names.
    QList<RunningRequest> ownersOf(const std::vector<engine::RequestSnapshot>& requests) const;

    QThreadPool& pool() { return m_pool; }
    /// For what asks the engine itself (telemetry, the API server); null after shutdown().
    engine::Engine* engine() { return m_engine.get(); }

    /// Cancels everything, hands out the last updates, joins the engine's threads. Blocks.
    void shutdown();

  private:
    struct Reply {
        std::shared_ptr<HostSink> sink;
        MakeRequest make;
        QPointer<QObject> receiver;
        ReplyHandler handler;
        engine::ModelKey model;        // empty: it waits for one
        engine::RequestId request = 0; // 0: not accepted yet
        bool cancelled = false;
        bool reasoningEnded = false;
    };

    void submit(ReplyId id);
    void submitWaiting();
    void accepted(ReplyId id, engine::RequestId request);
    void woken();
    void drain();
    void drainReplies();
    void drainLoad();
    friend class HostWaker;

    std::unique_ptr<engine::Engine> m_engine;
    std::shared_ptr<HostWaker> m_waker;
    QThreadPool m_pool;
    QHash<ReplyId, Reply> m_replies;
    QList<ReplyId> m_waiting; // for a model
    ReplyId m_lastReply = 0;
    std::shared_ptr<LoadBox> m_load;
    QPointer<QObject> m_loadReceiver;
    LoadHandler m_loadHandler;
    ModelInfo m_model;
    QElapsedTimer m_sinceDrain;
    QTimer m_frame;
};

} // namespace app
