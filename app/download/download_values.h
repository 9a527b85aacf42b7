#pragma once
// What downloads speak of: hubs, what they offer, what is being fetched. Values; they travel
// between threads.

#include <QDateTime>
#include <QList>
#include <QMetaType>
#include <QString>
#include <QUrl>

namespace app {

enum class HubKind {
    HuggingFace,
    HfMirror, ///< hf-mirror.com speaks Hugging Face's protocol
    ModelScope,
    Address ///< a file at an address that the user typed
};

/// One hit of a search.
struct RemoteModel {
    QString repository;    // "owner/name"
    qint64 downloads = -1; // -1: not told
    bool isGated = false;  // the licence has to be accepted on the web page first
};

enum class ChecksumKind {
    None,
    Sha256, ///< of the content (Git LFS object id)
    GitBlob ///< SHA-1 of "blob <bytes>\0" and the content (files that Git itself keeps)
};

struct RemoteFile {
    QString path;      // relative to the repository, as the hub writes it
    qint64 bytes = -1; // -1: not told
    ChecksumKind checksumKind = ChecksumKind::None;
    QString checksum; // lower-case hex
    QUrl url;

    bool operator==(const RemoteFile&) const = default;
};

struct RemoteRepository {
    HubKind hub = HubKind::HuggingFace;
    QString endpoint; // that listed it; empty for an address
    QString repository;
    QString commit; // that the files belong to; may be a branch where the hub tells no commit
    QString license;
    bool isGated = false;
    QList<RemoteFile> files;
};

enum class RemoteFit {
    Unknown,    ///< the size is not told
    Fits,       ///< leaves room for a context and for other programs
    Tight,      ///< the weights fit, the context may not
    TooLarge,   ///< more than the memory that is free
    NoDiskRoom, ///< more than the disk has free
    Unsupported ///< number formats that this version does not compute
};

/// Files that make one model together: a quantization, perhaps in parts, or a folder.
struct RemoteChoice {
    QString label; // "Q4_K_M"; "safetensors"
    QList<RemoteFile> files;
    qint64 bytes = -1; // of all files; -1 when one of them is not told
    RemoteFit fit = RemoteFit::Unknown;
    bool isRecommended = false;
};

enum class JobState {
    Waiting, ///< for those before it
    Running,
    Retrying, ///< waits before it asks again
    Checking, ///< reads what it has, to go on from there
    Paused,
    Failed, ///< `error` says why; it can be resumed
    Done
};

/// A download as a person sees it.
struct DownloadJob {
    quint64 id = 0;
    HubKind hub = HubKind::HuggingFace;
    QString repository; // for an address: its file name
    QString label;
    QString folder; // that it goes to
    QString file;   // the first one of the model, absolute: what to load when it is done
    JobState state = JobState::Waiting;
    qint64 done_bytes = 0;
    qint64 total_bytes = -1; // -1: not told yet
    double bytes_per_s = 0;
    qint64 left_s = -1; // -1: cannot be told
    QString error;      // a sentence

    bool operator==(const DownloadJob&) const = default;
};

/// A version of a model that lies on the disk.
struct KeptVersion {
    QString id;
    QString commit;
    QDateTime since; // when it was put in place
    qint64 bytes = 0;
};

/// What an update would change.
struct AvailableUpdate {
    QString folder;
    QString commit;            // the new one
    QList<RemoteFile> changed; // empty: nothing new
    qint64 bytes = 0;          // to fetch
};

/// "huggingface", "hf-mirror", "modelscope", "address": in files and settings.
QString hubKey(HubKind hub);
HubKind hubFromKey(const QString& key);
/// "https://huggingface.co"; empty for an address.
QString defaultEndpoint(HubKind hub);

} // namespace app

Q_DECLARE_METATYPE(app::HubKind)
Q_DECLARE_METATYPE(app::RemoteRepository)
Q_DECLARE_METATYPE(app::RemoteChoice)
Q_DECLARE_METATYPE(app::DownloadJob)
Q_DECLARE_METATYPE(app::AvailableUpdate)
