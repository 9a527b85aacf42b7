#include "app/exchange/exchange_controller.h"

#include "app/exchange/chat_json.h"
#include "app/history/history.h"
#include "app/messages.h"

#include <new>
#include <QFile>
#include <QFileInfo>
#include <QPointer>

namespace app {

namespace {

constexpr qint64 kMostBytes = qint64(1) << 30;
constexpr qsizetype kMessagesAtOnce = 200; // a message waits for as many: some 10 ms

struct ReadFile {
    QList<StoredConversation> chats;
    QString refusal; // a sentence; empty when they are whole
};

/// Opens it; why not, or nothing.
QString refusalToOpen(QFile& file) {
    const QFileInfo info(file);
    if (info.exists() && !info.isFile() && !info.isDir()) // a pipe or a device may never end
        return ExchangeController::tr("it is no regular file");
    if (!file.open(QIODevice::ReadOnly))
        return file.errorString();
    return file.size() > kMostBytes ? ExchangeController::tr("it is larger than 1 GiB") : QString();
}

ReadFile readChats(const QString& path) {
    const QString name = QFileInfo(path).fileName();
    QFile file(path);
    if (const QString reason = refusalToOpen(file); !reason.isEmpty())
        return {{},
                sentence(engine::Status(
                    engine::Code::FileCannotOpen,
                    {{"file", name.toStdString()}, {"reason", reason.toStdString()}}))};
    ReadChats read = chatsFromJson(file.read(file.size()));
    if (read.problem.isEmpty())
        return {std::move(read.chats), {}};
    return {{},
            ExchangeController::tr("%1 gives no chats: %2. Choose a JSON file that Inglenook has "
                                   "exported.")
                .arg(name, read.problem)};
}

/// Chats take several times the memory of their file.
ReadFile readWithin(const QString& path) {
    try {
        return readChats(path);
    } catch (const std::bad_alloc&) {
        return {{},
                ExchangeController::tr("There is not enough memory to read %1. End other programs, "
                                       "or import fewer chats at once.")
                    .arg(QFileInfo(path).fileName())};
    }
}

} // namespace

ExchangeController::ExchangeController(History& history, QObject* parent)
    : QObject(parent), m_history(history) {
    m_pool.setMaxThreadCount(1);
}

ExchangeController::~ExchangeController() {
    m_pool.waitForDone();
}

void ExchangeController::collect(const QList<ConversationId>& chats, QObject* receiver,
                                 Collected collected) {
    m_history.loadWhole(
        chats, receiver,
        [self = QPointer<ExchangeController>(this), collected = std::move(collected)](
            const engine::Result<QList<StoredConversation>>& result) {
            if (self == nullptr)
                return; // the program ends
            if (!result.ok())
                emit self->failed(sentence(result.status()));
            else if (result->isEmpty())
                emit self->failed(tr("There is no chat to export."));
            else
                collected(*result);
        });
}

void ExchangeController::importFile(const QString& path) {
    m_pool.start([this, path] {
        const ReadFile read = readWithin(path);
        QMetaObject::invokeMethod(
            this,
            [this, read] {
                if (read.refusal.isEmpty())
                    addFrom(0, std::make_shared<const QList<StoredConversation>>(read.chats));
                else
                    emit failed(read.refusal);
            },
            Qt::QueuedConnection);
    });
}

void ExchangeController::addFrom(int first,
                                 const std::shared_ptr<const QList<StoredConversation>>& chats) {
    int end = first;
    for (qsizetype messages = 0; end < chats->size() && messages < kMessagesAtOnce; ++end)
        messages += 1 + chats->at(end).messages.size();
    const int total = int(chats->size());
    m_history.change(
        [some = chats->mid(first, end - first)](HistoryWriter& writer) {
            writer.addConversations(some);
        },
        this,
        [=, this](const engine::Status& status) {
            if (!status.ok()) {
                QString text = sentence(status);
                if (first > 0)
                    text += u' ' +
                            tr("%1 of %2 chats were imported before that.").arg(first).arg(total);
                emit failed(text);
                return;
            }
            emit importing(end, total);
            if (end == total)
                emit imported(total);
            else
                addFrom(end, chats);
        });
}

} // namespace app
