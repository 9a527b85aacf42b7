// The program without pixels on a scripted engine, made to be killed: it writes into three chats at
// once and says on stdout what it has shown. Usage: inglenook_kill_driver DATA_DIR
//
//     user <message> <text>              a message of the user is shown as sent
//     grew <message> <characters> <ms>   so much of an answer was shown at that monotonic time
#include "app/application.h"
#include "app/session/chat_controller.h"
#include "app/session/model_controller.h"
#include "tests/support/fake_engine.h"

#include <cstdio>
#include <ctime>
#include <QCoreApplication>
#include <QHash>
#include <unistd.h>

namespace {

qint64 monotonicMs() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return qint64(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

/// One line, one write: a kill leaves whole lines.
void say(const QByteArray& line) {
    if (::write(STDOUT_FILENO, line.constData(), size_t(line.size())) < 0)
        std::perror("stdout");
}

void talk(app::ChatController* chat, int number) {
    auto* shown = new QHash<app::MessageId, qint64>; // as long as the program
    QObject::connect(
        chat, &app::ChatController::messageAdded, chat, [](const app::Message& message) {
            if (message.role == app::Role::User)
                say("user " + QByteArray::number(message.id) + ' ' + message.text.toUtf8() + '\n');
        });
    QObject::connect(
        chat, &app::ChatController::messageGrew, chat, [shown](const app::MessageDelta& delta) {
            qint64& length = (*shown)[delta.message];
            length += delta.text.size();
            say("grew " + QByteArray::number(delta.message) + ' ' + QByteArray::number(length) +
                ' ' + QByteArray::number(monotonicMs()) + '\n');
        });
    const auto next = [chat, number] {
        chat->send(
            QStringLiteral("chat %1, %2 said, 繁忙").arg(number).arg(chat->messages().size()));
    };
    QObject::connect(chat, &app::ChatController::messageFinished, chat,
                     [next](const app::Message&) { next(); });
    QMetaObject::invokeMethod(chat, next, Qt::QueuedConnection);
}

} // namespace

int main(int argc, char** argv) {
    QCoreApplication qt(argc, argv);
    if (argc != 2) {
        std::fprintf(stderr, "usage: inglenook_kill_driver DATA_DIR\n");
        return 2;
    }
    app::Application program({QString::fromLocal8Bit(argv[1])}, [] {
        tests::FakeScript script;
        script.answer = std::string(600, 'a') + ' ' + std::string(600, 'b');
        script.tokensPerSecond = 150;
        return std::make_unique<tests::FakeEngine>(script);
    });
    if (program.start() != app::Application::StartResult::Started) {
        std::fprintf(stderr, "%s\n", qPrintable(program.startError()));
        return 1;
    }
    QObject::connect(
        &program, &app::Application::bannerRaised, &program,
        [](const QString&, const QString& sentence) { say("banner " + sentence.toUtf8() + '\n'); });
    QObject::connect(&program.models(), &app::ModelController::modelChanged, &program, [&] {
        for (int chat = 1; chat <= 3; ++chat)
            talk(program.createChat(&program), chat);
    });
    program.models().load(QStringLiteral("/models/m.gguf"), {});
    return QCoreApplication::exec();
}
