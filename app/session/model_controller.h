#pragma once
// ModelController: which model answers. Opens a file or folder, shows progress, cancels, gives the
// memory back. Values only; the engine stays behind it. GUI thread.

#include <QList>
#include <QMetaType>
#include <QObject>
#include <QString>
#include <QStringList>

namespace app {

/// How fast several GPUs that share a model decode one answer, measured at the load.
struct SplitValue {
    int gpus = 0;            // that were asked for; 0 = it was not asked for several
    double onePerSecond = 0; // tokens on the first alone; 0 = not measured
    double allPerSecond = 0;
    int streams = 0;              // answers at once that the next two are of
    double replicasPerSecond = 0; // all tokens, the whole model on each GPU
    double sharedPerSecond = 0;   // on all GPUs together
    bool tookOne = false;         // automatic: one was as fast
    bool tookReplicas = false;    // automatic: for many answers that was faster
    bool tookLayers = false;      // automatic: each holds a stretch of the layers
};

/// The model that is loaded, as the desktop shows it.
struct ModelValue {
    QString key;         // of the resident model; empty = none loaded
    QString name;        // "DeepSeek-R1-Distill-Qwen-7B"
    QString path;        // file or folder
    QString fileType;    // "GGUF v3 Q8_0"
    QString weights;     // "int8"
    QString activations; // "int8"
    QString kv;          // "bf16"
    QString device;      // "CPU (AVX-512 VNNI, 2 threads)"
    int contextTokens = 0;
    quint64 file_bytes = 0;
    quint64 weights_bytes = 0;
    quint64 kv_bytes = 0;
    quint64 workspace_bytes = 0;
    SplitValue split;
    bool isReasoner = false;
    qint64 load_ms = 0;

    bool isLoaded() const { return !key.isEmpty(); }
};

enum class ModelPhase {
    None,
    WaitingToLoad,   ///< for the answers of the model that has to go first
    WaitingToUnload, ///< for the answers of the model that goes
    Opening,
    Planning,
    Loading,
    Ready
};

struct ModelProgress {
    ModelPhase phase = ModelPhase::None;
    QString path; // of the model that comes or, WaitingToUnload, goes
    QString name;
    quint64 done_bytes = 0;
    quint64 total_bytes = 0;
};

struct RecentModel {
    QString path;
    QString name;
    bool exists = true; // false: shown greyed, kept
};

/// A wish that would end running answers: decide() says what comes of it.
struct Interruption {
    QString model;            // that goes
    QString replacement;      // that comes; empty: none does
    QStringList chats;        // titles of those whose answers run or wait
    QStringList clients = {}; // of the API, one for each of their requests
};

enum class InterruptionChoice { Now, WhenFinished, Never };

/// How to load. Empty = auto, 0 = the model's own context as far as it fits.
struct ModelOptions {
    QString weights;     // auto f32 bf16 int8 int4
    QString activations; // auto f32 bf16 int8
    QString kv;          // auto f32 bf16 int8
    QString device;      // auto cpu cuda cuda:0,1
    int contextTokens = 0;
    QString split;            // auto tensor layer replicas
    int slotCount = 0;        // sequences that run together, 0 = the engine's
    int kvTokens = 0;         // that they hold together, 0 = as memory allows
    bool isRemembered = true; // becomes the model that the next start loads
    bool isExact = false;     // what was set on the model itself does not change these

    bool operator==(const ModelOptions&) const = default;
};

class ModelController : public QObject {
    Q_OBJECT

  public:
    explicit ModelController(QObject* parent = nullptr);
    ~ModelController() override;

    virtual ModelValue model() const = 0;
    virtual ModelProgress progress() const = 0;
    virtual QList<RecentModel> recentModels() const = 0;

  public slots:
    /// A .gguf file or a Hugging Face folder. What is loaded stays until the new one is ready, and
    /// its answers end on it. Where the memory does not hold both, the old one goes first; while
    /// its answers run, interruptionAsked comes before that.
    virtual void load(const QString& path, const app::ModelOptions& options) = 0;
    /// Also ends the waiting that a decision WhenFinished began.
    virtual void cancelLoad() = 0;
    /// Gives its memory back; interruptionAsked first while its answers run.
    virtual void unload() = 0;
    /// The answer to interruptionAsked.
    virtual void decide(app::InterruptionChoice choice) = 0;
    virtual void forgetRecent(const QString& path) = 0;

  signals:
    void modelChanged(const app::ModelValue& model);
    void progressChanged(const app::ModelProgress& progress);
    void recentChanged(const QList<app::RecentModel>& models);
    void interruptionAsked(const app::Interruption& interruption);
    /// One sentence a person can act on, and the path that was to be loaded.
    void failed(const QString& sentence, const QString& path);
};

} // namespace app

Q_DECLARE_METATYPE(app::ModelValue)
Q_DECLARE_METATYPE(app::ModelProgress)
Q_DECLARE_METATYPE(app::RecentModel)
Q_DECLARE_METATYPE(app::ModelOptions)
Q_DECLARE_METATYPE(app::Interruption)
Q_DECLARE_METATYPE(app::InterruptionChoice)
