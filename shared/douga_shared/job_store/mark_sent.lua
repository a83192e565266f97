-- ARGV: seconds to live, index below which every frame is on the queue.

if known_total() then
    renew(ARGV[1])
    if tonumber(ARGV[2]) > tonumber(redis.call('HGET', JOB, 'sent')) then
        redis.call('HSET', JOB, 'sent', ARGV[2])
    end
end
